// Objects are stored, ampd ends, bytes are damaged: what `ampd fsck` says, and what it puts right.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { launch } from '../crash/target_storage.mjs';

const AMPD = process.env.AMPD ?? path.join(import.meta.dirname ?? '.', '../../build/ampd');
const folder = mkdtempSync(path.join(tmpdir(), 'ampd-fsck-'));
const data = path.join(folder, '.amplify/ampd');
const large = (byte) => Buffer.alloc(300_000, byte);

const blobs = () =>
  readdirSync(path.join(data, 'blob'), { recursive: true })
    .filter((name) => /[0-9a-f]-[0-9a-f]+$/.test(name))
    .map((name) => path.join(data, 'blob', name));
/** The file that holds the object of such bytes. */
const fileOf = (byte) => blobs().find((name) => readFileSync(name).subarray(-1)[0] === byte);

function fsck(...options) {
  const { status, stdout, stderr } = spawnSync(AMPD, ['fsck', '--data-dir', data, ...options], { encoding: 'utf8' });
  return { status, text: stdout + stderr, problems: stdout.trim().split('\n').slice(0, -1) };
}

async function serving(env, fn) {
  const server = launch(AMPD, folder, env);
  try {
    await server.ready;
    return await fn(server);
  } finally {
    server.child.kill('SIGTERM');
    await server.closed;
  }
}

before(() =>
  serving({}, async ({ s3 }) => {
    for (const [key, body] of [['one', large(1)], ['two', large(2)], ['three', large(3)], ['small', Buffer.from('small')], ['empty', Buffer.alloc(0)]]) {
      const { status } = await s3('PUT', `/amplify.files/${key}`, { body, inChunks: key === 'one' });
      assert.equal(status, 200);
    }
    const served = fsck();
    assert.equal(served.status, 1);
    assert.match(served.text, /an ampd serves this folder/);
  }));
after(() => rmSync(folder, { recursive: true, force: true }));

test('all is well', () => {
  assert.match(fsck().text, /^5 objects, 3 files: 0 problems\n$/);
  assert.match(fsck('--data').text, /^5 objects, 3 files, 900005 bytes read: 0 problems\n$/);
  assert.equal(fsck('--data').status, 0);
});

test('a file of nobody\'s is found, and removed when that is asked for', () => {
  const stray = path.join(data, 'blob', '1', 'aa', '1-faa');
  mkdirSync(path.dirname(stray), { recursive: true });
  copyFileSync(blobs()[0], stray);
  for (const options of [[], ['--data']]) {
    const found = fsck(...options);
    assert.deepEqual([found.status, found.problems], [1, ['the file of blob 1-faa: nobody\'s']]);
  }
  const repaired = fsck('--repair');
  assert.equal(repaired.status, 0, repaired.text);
  assert.match(repaired.text, /1 problems, 1 of them put right/);
  assert.equal(blobs().length, 3);
  assert.equal(fsck().status, 0);
});

test('a changed byte is found by those who read', async () => {
  const file = fileOf(1);
  const whole = readFileSync(file);
  const changed = Buffer.from(whole);
  changed[150_000] ^= 1;
  writeFileSync(file, changed);
  assert.equal(fsck().status, 0);
  const found = fsck('--data', '--repair');
  assert.deepEqual([found.status, found.problems], [1, ['amplify.files/one: its bytes are not those that were stored']]);
  await serving({ AMPD_CHECK_EVERY_MS: '20' }, async (server) => {
    for (const deadline = Date.now() + 30_000; !/object\.damaged.*amplify\.files\/one/.test(server.text());) {
      assert.ok(Date.now() < deadline, server.text());
      await sleep(10);
    }
    assert.doesNotMatch(server.text(), /object\.damaged.*(two|three|small|empty)/);
  });
  writeFileSync(file, whole);
  assert.equal(fsck('--data').status, 0);
});

test('a file that was cut and one that is gone', async () => {
  truncateSync(fileOf(2), 1000);
  unlinkSync(fileOf(3));
  const found = fsck();
  assert.equal(found.status, 1);
  assert.deepEqual(found.problems, [
    'amplify.files/three: its file is missing',
    'amplify.files/two: its file has another size than its row says, or cannot be read',
  ]);
  // No object is ever removed by a repair; its owner may.
  assert.equal(fsck('--repair').status, 1);
  await serving({}, async ({ s3 }) => {
    for (const key of ['two', 'three']) assert.equal((await s3('DELETE', `/amplify.files/${key}`)).status, 204);
  });
  assert.match(fsck('--data').text, /^3 objects, 1 files, 300005 bytes read: 0 problems\n$/);
});

test('what is no data folder', () => {
  const elsewhere = spawnSync(AMPD, ['fsck', '--data-dir', path.join(folder, 'none')], { encoding: 'utf8' });
  assert.equal(elsewhere.status, 1);
  assert.match(elsewhere.stderr, /there is no data in/);
  assert.equal(spawnSync(AMPD, ['fsck', '--nonsense'], { encoding: 'utf8' }).status, 2);
});
