// A sandbox of a fixture project whose messages leave the machine.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

// The client keeps timers of minutes: they must not keep a test file alive.
const setTimer = globalThis.setTimeout;
globalThis.setTimeout = (run, ms, ...args) => {
  const timer = setTimer(run, ms, ...args);
  return ms > 60_000 ? timer.unref() : timer;
};

const here = path.dirname(fileURLToPath(import.meta.url));
export const AMPD = process.env.AMPD ?? path.join(here, '../../build/ampd');
export const PASSWORD = 'Corr3ct-horse!';
let count = 0;
export const address = (name = 'ann') => `${name}${process.pid}x${++count}@example.com`;
export const phone = () => `+1555${String(process.pid).padStart(7, '0').slice(-7)}${String(++count).padStart(2, '0')}`;

const running = new Set();
/** Ends what a test that failed has left. */
export const endBackends = () => Promise.all([...running].map((backend) => backend.end().catch(() => {})));

const CLEAN = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^AMPD_(SMTP|MAIL|EMAIL|SMS|WEBHOOK)/.test(name)));

/** Starts it with `env`; with `expect: 'failure'` resolves to its whole output once it has ended by itself. */
export async function startBackend(fixture, env = {}, { folder = mkdtempSync(path.join(tmpdir(), 'ampd-messages-')), expect } = {}) {
  const dataDir = path.join(folder, 'data');
  const outputsFile = path.join(folder, 'amplify_outputs.json');
  const child = spawn(
    AMPD,
    ['sandbox', '--once', '--project', path.join(here, 'fixtures', fixture), '--port', '0', '--data-dir', dataDir, '--outputs-out-dir', folder],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...CLEAN, ...env } },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text));
  let code;
  const ended = new Promise((resolve) => child.on('close', (status, signal) => resolve((code = signal ?? status))));
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  if (expect === 'failure') {
    const timer = setTimeout(kill, 20_000);
    await ended;
    clearTimeout(timer);
    process.off('exit', kill);
    rmSync(folder, { recursive: true, force: true });
    assert.equal(code, 1, log);
    return log;
  }
  const deadline = Date.now() + 60_000;
  while (!/ is ready in /.test(log) || !/File written|Data /.test(log)) {
    if (code !== undefined || Date.now() > deadline) {
      kill();
      throw new Error(`ampd sandbox of ${fixture} is not ready:\n${log}`);
    }
    await sleep(10);
  }
  const outputs = JSON.parse(readFileSync(outputsFile, 'utf8'));
  const origin = new URL(outputs.Auth.Cognito.userPoolEndpoint).origin;
  const backend = {
    folder, dataDir, outputs, origin, pid: child.pid,
    log: () => log,
    /** Ends it; keeps the folder. */
    stop: async (signal = 'SIGTERM') => {
      running.delete(backend);
      if (code !== undefined) return;
      child.kill(signal);
      await ended;
      process.off('exit', kill);
      if (signal === 'SIGTERM') assert.equal(code, 0, log);
    },
    end: async () => {
      await backend.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    /** The same data behind a new process. */
    restart: async (signal, newEnv = env) => {
      await backend.stop(signal);
      return startBackend(fixture, newEnv, { folder });
    },
    call: async (operation, body) => {
      const answer = await fetch(`${origin}/`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` },
        body: JSON.stringify({ ClientId: outputs.auth.user_pool_client_id, ...body }),
      });
      return { status: answer.status, body: await answer.json() };
    },
    signUp: async (username) => {
      const Name = username.startsWith('+') ? 'phone_number' : 'email';
      const { status, body } = await backend.call('SignUp', { Username: username, Password: PASSWORD, UserAttributes: [{ Name, Value: username }] });
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    },
    confirm: async (username, code) => {
      const { status, body } = await backend.call('ConfirmSignUp', { Username: username, ConfirmationCode: code });
      assert.equal(status, 200, JSON.stringify(body));
    },
    ampd: (...words) => promisify(execFile)(AMPD, [...words, '--data-dir', dataDir]),
  };
  running.add(backend);
  return backend;
}
