// `ampd keys` as a person and a script use it: before a backend runs, while it runs, after it was
// killed; and that nobody without the secret gets an administrative answer.
import assert from 'node:assert/strict';
import { spawn, execFile } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

const AMPD = process.env.AMPD;
let root;
let data;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'ampd-keys-'));
  data = join(root, 'data');
  await writeFile(join(root, 'manifest.json'), JSON.stringify({ formatVersion: 1, project: { name: 'keys-test' } }));
});
after(() => rm(root, { recursive: true, force: true }));

function ampd(...args) {
  return new Promise((resolve) => {
    execFile(AMPD, args, { cwd: root }, (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
  });
}

const keys = async (...args) => {
  const { code, out, err } = await ampd('keys', ...args, '--json', '--data-dir', data);
  assert.equal(code, 0, err);
  return JSON.parse(out);
};

async function serve() {
  const child = spawn(AMPD, ['sandbox', '--manifest', join(root, 'manifest.json'), '--data-dir', data, '--outputs-out-dir', root, '--port', '0', '--threads', '2'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const server = { child, out: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (server.out += text));
  server.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
  const end = Date.now() + 10_000;
  for (;;) {
    try {
      server.admin = JSON.parse(await readFile(join(data, 'admin.json'), 'utf8'));
      if ((await fetch(`${server.admin.url}/_ampd/health`)).status === 200) return server;
    } catch {
      // not there yet
    }
    assert.ok(Date.now() < end && child.exitCode === null, `no server: ${server.out}`);
    await delay(10);
  }
}

test('without a running backend', async () => {
  assert.deepEqual(await keys('list'), []);
  const one = await keys('create');
  assert.match(one.accessKeyId, /^AKIA[A-Z2-7]{16}$/);
  assert.match(one.secretAccessKey, /^[A-Za-z0-9+/]{40}$/);
  const two = await keys('create', '--allow', 'cognito-idp:AdminGetUser', 's3:*', '--allow=ssm:Get*');
  assert.deepEqual(two.allow, ['cognito-idp:AdminGetUser', 's3:*', 'ssm:Get*']);
  assert.deepEqual(two.resources, []);
  const list = await keys('list');
  assert.deepEqual(list.map((key) => key.accessKeyId).sort(), [one, two].map((key) => key.accessKeyId).sort());
  assert.ok(list.every((key) => key.secretAccessKey === undefined));
  assert.ok((await readFile(join(data, 'data.db'))).includes(one.accessKeyId) || (await readFile(join(data, 'data.db-wal'))).includes(one.accessKeyId));
  for (const name of ['data.db', 'instance.key']) {
    assert.ok(!(await readFile(join(data, name))).includes(one.secretAccessKey));
    assert.equal((await stat(join(data, name))).mode & 0o777, 0o600);
  }
  assert.equal((await keys('delete', one.accessKeyId)).deleted, true);
  assert.deepEqual((await keys('list')).map((key) => key.accessKeyId), [two.accessKeyId]);
});

test('words for a person, and what is wrong with a command', async () => {
  const made = await ampd('keys', 'create', '--data-dir', data);
  const id = /^accessKeyId {6}(AKIA\w{16})$/m.exec(made.out)[1];
  assert.match(made.out, /^secretAccessKey  \S{40}$/m);
  assert.match((await ampd('keys', 'list', '--data-dir', data)).out, new RegExp(`^${id}  \\d{4}-\\S+  everything$`, 'm'));
  assert.equal((await ampd('keys', 'delete', id, '--data-dir', data)).out, `Deleted ${id}.\n`);
  const again = await ampd('keys', 'delete', id, '--data-dir', data);
  assert.deepEqual([again.code, again.err], [1, `ampd: there is no access key ${id}\n      \`ampd keys list\` shows them.\n`]);
  const wrong = await ampd('keys', 'create', '--allow', 's3', '--data-dir', data);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /an action is "\*" or service:Name, with \* and \?: s3\n.*Actions are written as/);
  for (const args of [[], ['make'], ['delete'], ['list', 'x'], ['create', '--allow'], ['create', '--resource'], ['create', '--resource', '--allow', 's3:*'], ['create', '--nope']]) {
    assert.equal((await ampd('keys', ...args, '--data-dir', data)).code, 2, args.join(' '));
  }
  const nowhere = await ampd('keys', 'list', '--project', join(root, 'nowhere'));
  assert.deepEqual([nowhere.code, /has no amplify\/ folder/.test(nowhere.err)], [1, true]);
  await mkdir(join(root, 'project/amplify'), { recursive: true });
  assert.equal((await ampd('keys', 'list', '--project', join(root, 'project'))).code, 0);
});

test('the key that seals may come from the environment', async () => {
  const folder = join(root, 'other');
  const run = (key) =>
    new Promise((resolve) => {
      const env = { ...process.env, AMPD_INSTANCE_KEY: key };
      execFile(AMPD, ['keys', 'create', '--json', '--data-dir', folder], { env }, (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
    });
  assert.equal((await run('ab'.repeat(32))).code, 0);
  await assert.rejects(stat(join(folder, 'instance.key')), { code: 'ENOENT' });
  const wrong = await run('abc');
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /AMPD_INSTANCE_KEY: a key is 64 hexadecimal digits/);
  assert.ok(!wrong.err.includes('abc'));
});

test('with a running backend, which takes over and hands back', async () => {
  const before = await keys('create');
  const server = await serve();
  assert.equal((await stat(join(data, 'admin.json'))).mode & 0o777, 0o600);
  const during = await keys('create', '--allow', 's3:*');
  const both = (await keys('list')).map((key) => key.accessKeyId);
  assert.ok(both.includes(before.accessKeyId) && both.includes(during.accessKeyId));
  assert.equal((await keys('delete', before.accessKeyId)).deleted, true);
  const missing = await ampd('keys', 'delete', before.accessKeyId, '--data-dir', data);
  assert.deepEqual([missing.code, missing.err], [1, `ampd: there is no access key ${before.accessKeyId}\n      \`ampd keys list\` shows them.\n`]);

  const url = `${server.admin.url}/_ampd/admin/keys.list`;
  const call = (init) => fetch(url, { method: 'POST', body: '{}', ...init });
  const secret = server.admin.secret;
  assert.match(secret, /^[0-9a-f]{64}$/);
  assert.equal((await call({ headers: { 'x-ampd-secret': secret } })).status, 200);
  for (const headers of [{}, { 'x-ampd-secret': '' }, { 'x-ampd-secret': secret.slice(1) }, { 'x-ampd-secret': `${secret}0` }, { 'x-ampd-secret': secret.toUpperCase().replace(/[A-F]/, '0') }, { authorization: secret }]) {
    const answer = await call({ headers });
    assert.deepEqual([answer.status, (await answer.json()).__type], [403, 'AccessDeniedException']);
  }
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
    const answer = await fetch(url, { method, headers: { 'x-ampd-secret': secret, origin: 'http://evil.example' } });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
  }
  const bad = await call({ body: '{', headers: { 'x-ampd-secret': secret } });
  assert.equal(bad.status, 400);
  const unknown = await fetch(`${server.admin.url}/_ampd/admin/nope`, { method: 'POST', body: '{}', headers: { 'x-ampd-secret': secret } });
  assert.equal(unknown.status, 404);

  server.child.kill('SIGTERM');
  assert.equal(await server.ended, 0, server.out);
  await assert.rejects(stat(join(data, 'admin.json')), { code: 'ENOENT' });
  assert.ok((await keys('list')).some((key) => key.accessKeyId === during.accessKeyId));
});

test('after a backend was killed, its admin.json misleads nobody', async () => {
  const server = await serve();
  server.child.kill('SIGKILL');
  await server.ended;
  await stat(join(data, 'admin.json'));
  const made = await keys('create');
  assert.ok((await keys('list')).some((key) => key.accessKeyId === made.accessKeyId));
  const next = await serve();
  assert.notEqual(next.admin.secret, server.admin.secret);
  assert.ok((await keys('list')).some((key) => key.accessKeyId === made.accessKeyId));
  next.child.kill('SIGTERM');
  assert.equal(await next.ended, 0);
});
