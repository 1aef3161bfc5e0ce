// A sandbox of a fixture project, and the official clients pointed at it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CognitoIdentityClient } from '@aws-sdk/client-cognito-identity';
import { CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import { CognitoUserPool } from 'amazon-cognito-identity-js';

globalThis.crypto ??= webcrypto; // Node 18 has none

// The client keeps timers of minutes (a sign-in that could still follow a sign-up): they must not keep a test file alive.
const setTimer = globalThis.setTimeout;
globalThis.setTimeout = (run, ms, ...args) => {
  const timer = setTimer(run, ms, ...args);
  return ms > 60_000 ? timer.unref() : timer;
};

const here = path.dirname(fileURLToPath(import.meta.url));
export const AMPD = process.env.AMPD ?? path.join(here, '../../build/ampd');
const START_MS = 60_000;

// Clients look for a browser's navigator before they confirm a device.
globalThis.navigator ??= { userAgent: 'node' };

/**
 * Starts `ampd sandbox` for a project of fixtures/; `folder` holds data and outputs. With `watch` it serves a copy of the
 * project in that folder, and follows its changes.
 */
export async function startPool(
  fixture,
  { folder = mkdtempSync(path.join(tmpdir(), 'ampd-pool-')), args = [], watch = false } = {},
) {
  const source = path.join(here, 'fixtures', fixture);
  const project = watch ? path.join(folder, 'project') : source;
  if (watch) cpSync(source, project, { recursive: true });
  const dataDir = path.join(folder, 'data');
  const outputsFile = path.join(folder, 'amplify_outputs.json');
  rmSync(outputsFile, { force: true });
  const child = spawn(
    AMPD,
    ['sandbox', ...(watch ? [] : ['--once']), '--project', project, '--port', '0', '--data-dir', dataDir,
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
  const pool = {
    folder, project, dataDir, outputs, origin, child,
    clientId: outputs.auth.user_pool_client_id,
    poolId: outputs.auth.user_pool_id,
    log: () => log,
    /** Ends it in order; keeps the folder. */
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
      assert.equal(code, 0, `ampd ended with ${code}:\n${log}`);
    },
    /** Ends it and forgets all. */
    end: async () => {
      await pool.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    /** The same data behind a new process. */
    restart: async () => {
      await pool.stop();
      return startPool(fixture, { folder, args, watch });
    },
    /** As restart, after a death without warning. */
    crash: async () => {
      child.kill('SIGKILL');
      await ended;
      process.off('exit', kill);
      return startPool(fixture, { folder, args });
    },
    /** The next unread message to an address, as the inbox tells it. */
    mail: async (to) => {
      const answer = await fetch(`${origin}/_ampd/inbox?wait=${encodeURIComponent(to)}&seconds=10`);
      assert.equal(answer.status, 200, `no message to ${to}`);
      return answer.json();
    },
    /** One operation, raw. */
    call: async (operation, body, { service = 'AWSCognitoIdentityProviderService', headers = {} } = {}) => {
      const answer = await fetch(`${origin}/`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${service}.${operation}`, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      return { status: answer.status, headers: answer.headers, body: await answer.json() };
    },
    /** Runs an `ampd` command on this pool's folder. */
    ampd: (...words) => promisify(execFile)(AMPD, [...words, '--data-dir', dataDir]),
    /** The SDK client with an access key made for it; `allow` names actions. */
    admin: async (...allow) => {
      const { stdout } = await pool.ampd('keys', 'create', '--json', ...(allow.length > 0 ? ['--allow', ...allow] : []));
      return pool.sdk(JSON.parse(stdout));
    },
    sdk: (credentials = { accessKeyId: 'AKIAUNUSED', secretAccessKey: 'unused' }) =>
      new CognitoIdentityProviderClient({ region: 'us-east-1', endpoint: origin, credentials }),
    identities: () => new CognitoIdentityClient({ region: 'us-east-1', endpoint: origin }),
    /** A sign-in by the raw USER_PASSWORD_AUTH: the AuthenticationResult. */
    signIn: async (username, password = PASSWORD) => {
      const { status, body } = await pool.call('InitiateAuth', {
        ClientId: pool.clientId,
        AuthFlow: 'USER_PASSWORD_AUTH',
        AuthParameters: { USERNAME: username, PASSWORD: password },
      });
      assert.equal(status, 200, JSON.stringify(body));
      return body.AuthenticationResult;
    },
    identityJs: () => {
      const kept = {};
      return new CognitoUserPool({
        UserPoolId: pool.poolId,
        ClientId: pool.clientId,
        endpoint: origin,
        Storage: {
          setItem: (key, value) => (kept[key] = value),
          getItem: (key) => kept[key] ?? null,
          removeItem: (key) => delete kept[key],
          clear: () => {},
        },
      });
    },
  };
  return pool;
}

let count = 0;
export const address = (name = 'ann') => `${name}${process.pid}x${++count}@example.com`;
export const PASSWORD = 'Corr3ct-horse!';

/** A confirmed user, made with raw operations. */
export async function makeUser(pool, { username = address(), password = PASSWORD, attributes = {} } = {}) {
  const UserAttributes = Object.entries({ email: username, ...attributes }).map(([Name, Value]) => ({ Name, Value }));
  const signedUp = await pool.call('SignUp', {
    ClientId: pool.clientId, Username: username, Password: password, UserAttributes,
  });
  assert.equal(signedUp.status, 200, JSON.stringify(signedUp.body));
  const { code } = await pool.mail(username);
  const confirmed = await pool.call('ConfirmSignUp', { ClientId: pool.clientId, Username: username, ConfirmationCode: code });
  assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
  return { username, password, sub: signedUp.body.UserSub };
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
