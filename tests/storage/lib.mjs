// A sandbox of a fixture project, and S3's clients pointed at it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { S3Client } from '@aws-sdk/client-s3';
import { scopeOf, send, signHeader } from './sigv4.mjs';
import { trust } from './trust.mjs';

// The client keeps timers of minutes: they must not keep a test file alive.
const setTimer = globalThis.setTimeout;
globalThis.setTimeout = Object.assign((run, ms, ...args) => {
  const timer = setTimer(run, ms, ...args);
  return ms > 60_000 ? timer.unref() : timer;
}, setTimer);
globalThis.navigator ??= { userAgent: 'node' };

const here = path.dirname(fileURLToPath(import.meta.url));
export const AMPD = process.env.AMPD ?? path.join(here, '../../build/ampd');
const START_MS = 60_000;

/** What makes a bucket of `upstream` the place of another ampd's bytes, with a key made for it. */
export async function upstreamEnv(upstream, { prefix = 'blobs' } = {}) {
  const key = await upstream.key();
  return {
    AMPD_BLOB_URL: `s3://${upstream.bucket('files')}${prefix && `/${prefix}`}`,
    AMPD_BLOB_ENDPOINT: upstream.origin.replace('localhost', '127.0.0.1'),
    AMPD_BLOB_ACCESS_KEY_ID: key.accessKeyId,
    AMPD_BLOB_SECRET_ACCESS_KEY: key.secretAccessKey,
  };
}

/**
 * With AMPD_TEST_ENGINE=upstream every sandbox keeps its bytes in a bucket of a second one, which lives
 * as long as the first.
 */
async function engine(options) {
  if (process.env.AMPD_TEST_ENGINE !== 'upstream' || options.env !== undefined) return { env: options.env ?? {}, end: async () => {} };
  const upstream = await startStorage('files', { env: {} });
  return { env: await upstreamEnv(upstream), end: upstream.end, blobs: upstream.blobCount };
}

/** Starts `ampd sandbox` for a project of fixtures/; `folder` holds data and outputs. */
export async function startStorage(fixture, options = {}) {
  const { folder = mkdtempSync(path.join(tmpdir(), 'ampd-storage-')), args = [], watch = false, port = '0' } = options;
  const { env, end, blobs } = options.engine ?? (await engine(options));
  const source = path.join(here, 'fixtures', fixture);
  const project = watch ? path.join(folder, 'project') : source;
  if (watch) cpSync(source, project, { recursive: true });
  const dataDir = path.join(folder, 'data');
  const outputsFile = path.join(folder, 'amplify_outputs.json');
  rmSync(outputsFile, { force: true });
  const child = spawn(
    AMPD,
    ['sandbox', ...(watch ? [] : ['--once']), '--project', project, '--port', port, '--data-dir', dataDir,
      '--outputs-out-dir', folder, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
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
      await ended;
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
      throw new Error(`ampd sandbox of ${fixture} is not ready:\n${log}`);
    }
    await sleep(10);
  }
  const outputs = JSON.parse(readFileSync(outputsFile, 'utf8'));
  const origin = new URL(outputs.Auth.Cognito.userPoolEndpoint).origin;
  const ampd = (...words) => promisify(execFile)(AMPD, [...words, '--data-dir', dataDir], { env: { ...process.env, ...env } });
  const caFile = path.join(dataDir, 'ca.pem');
  trust(caFile);
  const storage = {
    folder, project, dataDir, outputs, origin, child, ampd, caFile,
    port: new URL(origin).port,
    /** S3's address with TLS, as the official client calls it. */
    secure: `https://s3.localhost:${new URL(origin).port}`,
    log: () => log,
    /** How many objects and parts lie outside of the database. */
    blobCount: blobs ?? (() => readdirSync(path.join(dataDir, 'blob'), { recursive: true }).filter((name) => /[0-9a-f]+-[0-9a-f]+$/.test(name)).length),
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
      await end();
    },
    /** The same data behind a new process. */
    restart: async () => {
      await storage.stop();
      return storage.again();
    },
    /** The same after it has ended; `port` and `env` may be others. */
    again: (changed = {}) =>
      startStorage(fixture, { folder, args, engine: { env: changed.env ?? env, end, blobs }, port: changed.port ?? '0' }),
    /** A new access key; `allow` names actions. */
    key: async (...allow) => {
      const { stdout } = await ampd('keys', 'create', '--json', ...(allow.length > 0 ? ['--allow', ...allow] : []));
      return JSON.parse(stdout);
    },
    /** A request of S3, as it is (sigv4.mjs). */
    send: (request) => send({ port: storage.port, ...request, headers: { host: `s3.localhost:${storage.port}`, ...request.headers } }),
    /** The same signed in its header. */
    signed: (credentials, request) => {
      const headers = { host: `s3.localhost:${storage.port}`, ...request.headers };
      return storage.send(signHeader({ ...request, headers }, credentials));
    },
    /** A user with these groups, signed in: {username, token, identityId, credentials, sub}. */
    member: (...groups) => member(storage, groups),
    /** Puts a user in a group. */
    join: async (Username, GroupName) => {
      const target = 'AWSCognitoIdentityProviderService.AdminAddUserToGroup';
      const body = JSON.stringify({ UserPoolId: outputs.auth.user_pool_id, Username, GroupName });
      const headers = { host: `localhost:${storage.port}`, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
      const request = { method: 'POST', path: '/', headers, body };
      const { status } = await storage.send(signHeader(request, await storage.key(), { scope: scopeOf({ service: 'cognito-idp' }) }));
      assert.equal(status, 200);
    },
    /** A guest: {identityId, credentials}. */
    guest: () => identity(storage),
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

// ---- people ------------------------------------------------------------------------------------

export const PASSWORD = 'Corr3ct-horse!';
let people = 0;

async function call(storage, target, body) {
  const answer = await fetch(storage.origin, {
    method: 'POST', headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target }, body: JSON.stringify(body),
  });
  const result = await answer.json();
  assert.equal(answer.status, 200, `${target}: ${JSON.stringify(result)}`);
  return result;
}

async function identity(storage, token) {
  const pool = storage.outputs.auth;
  const Logins = token && { [`cognito-idp.us-east-1.amazonaws.com/${pool.user_pool_id}`]: token };
  const service = (operation, body) => call(storage, `AWSCognitoIdentityService.${operation}`, body);
  const { IdentityId } = await service('GetId', { IdentityPoolId: pool.identity_pool_id, Logins });
  const { Credentials } = await service('GetCredentialsForIdentity', { IdentityId, Logins });
  return {
    identityId: IdentityId,
    credentials: { accessKeyId: Credentials.AccessKeyId, secretAccessKey: Credentials.SecretKey, sessionToken: Credentials.SessionToken },
  };
}

async function member(storage, groups) {
  const pool = storage.outputs.auth;
  const service = (operation, body) => call(storage, `AWSCognitoIdentityProviderService.${operation}`, body);
  const Username = `ann${process.pid}x${++people}@example.com`;
  const ClientId = pool.user_pool_client_id;
  await service('SignUp', { ClientId, Username, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: Username }] });
  const mail = await (await fetch(`${storage.origin}/_ampd/inbox?wait=${encodeURIComponent(Username)}&seconds=10`)).json();
  await service('ConfirmSignUp', { ClientId, Username, ConfirmationCode: mail.code });
  for (const GroupName of groups) await storage.join(Username, GroupName);
  const AuthParameters = { USERNAME: Username, PASSWORD };
  const { AuthenticationResult } = await service('InitiateAuth', { ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters });
  return { username: Username, token: AuthenticationResult.IdToken, ...(await identity(storage, AuthenticationResult.IdToken)) };
}
