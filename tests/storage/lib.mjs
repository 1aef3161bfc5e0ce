// A sandbox of a fixture project, and S3's clients pointed at it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { S3Client } from '@aws-sdk/client-s3';

const here = path.dirname(fileURLToPath(import.meta.url));
export const AMPD = process.env.AMPD ?? path.join(here, '../../build/ampd');
const START_MS = 60_000;

/** Starts `ampd sandbox` for a project of fixtures/; `folder` holds data and outputs. */
export async function startStorage(fixture, { folder = mkdtempSync(path.join(tmpdir(), 'ampd-storage-')), args = [] } = {}) {
  const dataDir = path.join(folder, 'data');
  const outputsFile = path.join(folder, 'amplify_outputs.json');
  rmSync(outputsFile, { force: true });
  const child = spawn(
    AMPD,
    ['sandbox', '--once', '--project', path.join(here, 'fixtures', fixture), '--port', '0', '--data-dir', dataDir,
      '--outputs-out-dir', folder, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text));
  let code;
  const ended = new Promise((resolve) => child.on('close', (status, signal) => resolve((code = signal ?? status))));
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const deadline = Date.now() + START_MS;
  while (!/ is ready in /.test(log)) {
    if (code !== undefined || Date.now() > deadline) {
      kill();
      throw new Error(`ampd sandbox of ${fixture} is not ready:\n${log}`);
    }
    await sleep(10);
  }
  const outputs = JSON.parse(readFileSync(outputsFile, 'utf8'));
  const origin = new URL(outputs.Auth.Cognito.userPoolEndpoint).origin;
  const ampd = (...words) => promisify(execFile)(AMPD, [...words, '--data-dir', dataDir]);
  const storage = {
    folder, dataDir, outputs, origin, child, ampd,
    port: new URL(origin).port,
    log: () => log,
    /** The name of a bucket, by its name in the definitions. */
    bucket: (name) => outputs.storage.buckets.find((bucket) => bucket.name === name).bucket_name,
    /** Ends it in order; keeps the folder. */
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
      assert.equal(code, 0, `ampd ended with ${code}:\n${log}`);
    },
    /** Ends it without warning. */
    kill: async () => {
      kill();
      await ended;
      process.off('exit', kill);
    },
    /** Ends it and forgets all. */
    end: async () => {
      await storage.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    /** The same data behind a new process. */
    restart: async () => {
      await storage.stop();
      return startStorage(fixture, { folder, args });
    },
    /** A new access key; `allow` names actions. */
    key: async (...allow) => {
      const { stdout } = await ampd('keys', 'create', '--json', ...(allow.length > 0 ? ['--allow', ...allow] : []));
      return JSON.parse(stdout);
    },
    /** The SDK's client, by path, with an access key made for it or with these credentials. */
    s3: async ({ credentials, ...options } = {}) =>
      new S3Client({
        region: 'us-east-1', endpoint: origin.replace('localhost', '127.0.0.1'), forcePathStyle: true,
        credentials: credentials ?? (await storage.key()), ...options,
      }),
  };
  return storage;
}

/** Rejects with that name, and that message when given. */
export async function refused(promise, name, message) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.name, name, error.stack);
    if (message instanceof RegExp) assert.match(error.message, message);
    else if (message !== undefined) assert.equal(error.message, message);
    return true;
  });
}
