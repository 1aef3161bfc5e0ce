// The data API with an external issuer's tokens, through the official client.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Amplify } from 'aws-amplify';
import { decodeJWT } from 'aws-amplify/auth';
import { generateClient } from 'aws-amplify/data';
import { makeKey, makeToken, startIssuer } from './issuer.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const AMPD = process.env.AMPD ?? path.join(here, '../../build/ampd');
const now = () => Math.floor(Date.now() / 1000);
const folder = mkdtempSync(path.join(tmpdir(), 'ampd-oidc-'));
let issuer;
let key;
let child;
let ended;
let url;
let client;
let token; // what the token provider gives at present

before(async () => {
  key = await makeKey();
  issuer = await startIssuer({ keys: [key] });
  child = spawn(
    AMPD,
    ['sandbox', '--once', '--project', path.join(here, 'fixtures/notes'), '--port', '0', '--threads', '2',
      '--data-dir', path.join(folder, 'data'), '--outputs-out-dir', folder],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TEST_ISSUER: issuer.url } },
  );
  ended = new Promise((resolve) => child.on('close', resolve));
  process.on('exit', () => child.kill('SIGKILL'));
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text));
  const deadline = Date.now() + 60_000;
  while (!/ is ready in /.test(log)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`ampd is not ready:\n${log}`);
    await sleep(10);
  }
  const outputs = JSON.parse(readFileSync(path.join(folder, 'amplify_outputs.json'), 'utf8'));
  assert.equal(outputs.data.default_authorization_type, 'OPENID_CONNECT');
  url = outputs.data.url;
  Amplify.configure(outputs, { Auth: { tokenProvider: { getTokens: async () => ({ accessToken: decodeJWT(token) }) } } });
  client = generateClient({ authMode: 'oidc' });
});
after(async () => {
  child.kill('SIGTERM');
  const code = await ended;
  await issuer.stop();
  rmSync(folder, { recursive: true, force: true });
  assert.equal(code, 0);
});

const claims = (more = {}) => ({ aud: 'web-client-1', auth_time: now() - 5, ...more });
const ask = async (authorization) => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    body: JSON.stringify({ query: '{ listNews { items { id } } }' }),
  });
  return { status: answer.status, body: await answer.json() };
};
const refused = async (authorization, text = /./) => {
  const { status, body } = await ask(authorization);
  assert.equal(status, 401, JSON.stringify(body));
  assert.equal(body.errors[0].errorType, 'UnauthorizedException');
  assert.match(body.errors[0].message, text);
};

test('users of the issuer own what they write', async () => {
  token = await makeToken(issuer, key, claims({ sub: 'ann' }));
  const { data: note, errors } = await client.models.Note.create({ text: 'mine' });
  assert.equal(errors, undefined);
  assert.deepEqual((await client.models.Note.list()).data.map(({ text }) => text), ['mine']);
  token = await makeToken(issuer, key, claims({ sub: 'bob' }));
  assert.deepEqual((await client.models.Note.list()).data, []);
  const taken = await client.models.Note.update({ id: note.id, text: 'stolen' });
  assert.equal(taken.data, null);
  assert.equal(taken.errors[0].errorType, 'Unauthorized');
});

test('the default owner is subject and user name: tokens have to have both', async () => {
  token = await makeToken(issuer, key, claims({ sub: 'ann' }));
  assert.equal((await client.models.Draft.create({ text: 'no' })).data, null);
  token = await makeToken(issuer, key, claims({ sub: 'ann', username: 'ann@example.com' }));
  assert.equal((await client.models.Draft.create({ text: 'yes' })).errors, undefined);
  assert.equal((await client.models.Draft.list()).data.length, 1);
});

test('groups are those of the token', async () => {
  token = await makeToken(issuer, key, claims({ sub: 'ann' }));
  assert.equal((await client.models.News.create({ text: 'no' })).data, null);
  token = await makeToken(issuer, key, claims({ sub: 'ann', 'cognito:groups': ['editors'] }));
  assert.equal((await client.models.News.create({ text: 'yes' })).errors, undefined);
  token = await makeToken(issuer, key, claims({ sub: 'bob' }));
  assert.deepEqual((await client.models.News.list()).data.map(({ text }) => text), ['yes']);
});

test('what is no good token is refused', async () => {
  const other = await makeKey();
  const good = await makeToken(issuer, key, claims());
  assert.equal((await ask(good)).status, 200);
  assert.equal((await ask(`Bearer ${good}`)).status, 200);
  await refused(undefined);
  await refused('nonsense', /Unable to parse JWT token/);
  await refused(await makeToken(issuer, key, claims({ exp: now() - 1 })), /Token has expired/);
  await refused(await makeToken(issuer, key, claims({ iat: now() - 1801 })), /Token has expired/);
  await refused(await makeToken(issuer, key, claims({ auth_time: now() - 3601 })), /Token has expired/);
  await refused(await makeToken(issuer, key, claims({ auth_time: undefined })));
  await refused(await makeToken(issuer, key, claims({ aud: 'another' })));
  await refused(await makeToken(issuer, key, claims({ iss: 'https://elsewhere.example.com' })));
  await refused(await makeToken(issuer, { ...other, kid: key.kid }, claims()));
  await refused(`${Buffer.from(JSON.stringify({ alg: 'none', kid: key.kid })).toString('base64url')}.${good.split('.')[1]}.`);
});

test('a new key of the issuer is found, whichever thread looks for it', async () => {
  const next = await makeKey('ES256');
  issuer.keys = [key, next];
  const tokens = await Promise.all(Array.from({ length: 20 }, (_, i) => makeToken(issuer, next, claims({ sub: `u${i}` }))));
  const until = Date.now() + 20_000;
  while ((await ask(tokens[0])).status !== 200 && Date.now() < until) await sleep(100);
  const answers = await Promise.all(tokens.map(ask));
  assert.deepEqual(answers.map(({ status }) => status), tokens.map(() => 200));
});
