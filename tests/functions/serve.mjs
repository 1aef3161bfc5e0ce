// A sandbox of a fixture project, and what tests need to call it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = path.dirname(fileURLToPath(import.meta.url));
export const AMPD = process.env.AMPD ?? path.join(here, '../../build/ampd');
const START_MS = 120_000; // handlers are bundled with their packages, perhaps on a busy machine

/** Waits for `test()` to be true, or to return something. */
export async function until(test, what, ms = 30_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await sleep(20);
  }
}

/** Whether a process runs: one that has ended, with all its threads, and that nobody has asked for its status does not. */
export function isAlive(pid) {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/**
 * Starts `ampd sandbox` for a project of fixtures/, or of a folder that is named whole. With `watch` it serves a copy, whose files the test may change; with the `folder` of a
 * server that ended and kept it, what that one left. Handlers run without a namespace of their own, unless `env` says otherwise: tests look
 * at their files and process ids.
 */
export async function serve(
  fixture,
  { watch = false, args = [], env = {}, folder = mkdtempSync(path.join(tmpdir(), 'ampd-functions-')), dataDir = path.join(folder, 'data') } = {},
) {
  const source = path.resolve(here, 'fixtures', fixture);
  const project = watch ? path.join(folder, 'project') : source;
  if (watch) cpSync(source, project, { recursive: true });
  const child = spawn(
    AMPD,
    ['sandbox', ...(watch ? [] : ['--once']), '--project', project, '--port', '0', '--data-dir', dataDir, '--outputs-out-dir', folder, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, AMPD_FUNCTION_ISOLATION: process.env.AMPD_FUNCTION_ISOLATION ?? 'none', ...env } },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text));
  let code;
  const ended = new Promise((resolve) => child.on('close', (status, signal) => resolve((code = signal ?? status))));
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  try {
    await until(() => code !== undefined || / is ready in /.test(log), 'ready', START_MS);
    assert.equal(code, undefined);
  } catch (error) {
    kill();
    throw new Error(`ampd sandbox of ${fixture}: ${error.message}\n${log}`);
  }
  const origin = JSON.parse(readFileSync(path.join(dataDir, 'admin.json'), 'utf8')).url;
  const ampd = (...words) => promisify(execFile)(AMPD, [...words, '--data-dir', dataDir]);
  const server = {
    folder, project, dataDir, origin, child, ampd,
    log: () => log,
    outputs: () => JSON.parse(readFileSync(path.join(folder, 'amplify_outputs.json'), 'utf8')),
    /** An access key for scripts, as the SDKs take it; `allow` names actions. */
    key: async (...allow) => {
      const { stdout } = await ampd('keys', 'create', '--json', ...(allow.length > 0 ? ['--allow', ...allow] : []));
      const { accessKeyId, secretAccessKey } = JSON.parse(stdout);
      return { accessKeyId, secretAccessKey };
    },
    /** What the database says, a line for each row. */
    sql: async (statement) =>
      (await promisify(execFile)('sqlite3', ['-readonly', path.join(dataDir, 'data.db'), statement], { maxBuffer: 1 << 28 })).stdout,
    /** Ends the process, and leaves its folder. */
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
      assert.equal(code, 0, `ampd ended with ${code}:\n${log}`);
    },
    end: async ({ keep = false } = {}) => {
      await server.stop();
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
  };
  return server;
}
