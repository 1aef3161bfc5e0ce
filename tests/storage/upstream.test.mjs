// Bytes in a bucket of an S3-compatible store: a second ampd.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand, CopyObjectCommand, CreateMultipartUploadCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand,
  ListObjectsV2Command, PutObjectCommand, UploadPartCommand, UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { startStorage, upstreamEnv } from './lib.mjs';

const MIB = 1024 * 1024;
let upstream;
let far; // the SDK's client for it
let storage;
let env;
let s3;
let Bucket;

before(async () => {
  upstream = await startStorage('files', { env: {} });
  env = { ...(await upstreamEnv(upstream)), AMPD_BLOB_SWEEP_AGE_MS: '0' };
  far = await upstream.s3();
  storage = await startStorage('files', { env });
  s3 = await storage.s3();
  Bucket = storage.bucket('files');
});
after(async () => {
  await storage?.end();
  await upstream?.end();
});

const put = (Key, Body, options = {}) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...options }));
const get = async (Key, options = {}) =>
  Buffer.from(await (await s3.send(new GetObjectCommand({ Bucket, Key, ...options }))).Body.transformToByteArray());
const remove = (Key) => s3.send(new DeleteObjectCommand({ Bucket, Key }));

/** The keys of the blobs that lie upstream. */
async function blobs() {
  const keys = [];
  for (let ContinuationToken; ; ) {
    const page = await far.send(new ListObjectsV2Command({ Bucket: upstream.bucket('files'), ContinuationToken }));
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
    ContinuationToken = page.NextContinuationToken;
    if (ContinuationToken === undefined) return keys;
  }
}

/** Files of blobs in an ampd's own folder. */
const stored = ({ dataDir }) =>
  readdirSync(path.join(dataDir, 'blob'), { recursive: true })
    .filter((name) => /[0-9a-f]+-[0-9a-f]+$/.test(name))
    .map((name) => path.join(dataDir, 'blob', name));
/** Those that are being written. */
const spooled = ({ dataDir }) => readdirSync(path.join(dataDir, 'blob', 'new'));

async function until(holds, ms = 20_000) {
  for (const deadline = Date.now() + ms; !(await holds()); await sleep(5)) {
    if (Date.now() > deadline) throw new Error(`it is not so after ${ms} ms: ${holds}`);
  }
}

const logged = (server, words) => until(() => words.test(server.log()));

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

test('bytes lie upstream, and nothing of them here', async () => {
  const bytes = randomBytes(3 * MIB + 7);
  const { ETag } = await put('a/one.bin', bytes, { ContentType: 'image/png' });
  assert.equal(ETag, `"${createHash('md5').update(bytes).digest('hex')}"`);
  const [key, ...others] = await blobs();
  assert.match(key, /^blobs\/s3-[0-9a-f]{16}-[0-9a-f]+-[0-9a-f]+$/);
  assert.deepEqual(others, []);
  assert.deepEqual(stored(storage), []);
  const kept = await far.send(new GetObjectCommand({ Bucket: upstream.bucket('files'), Key: key, ChecksumMode: 'ENABLED' }));
  const sha256 = createHash('sha256').update(bytes).digest();
  assert.equal(kept.ChecksumSHA256, sha256.toString('base64'));
  assert.equal(kept.Metadata.sha256, sha256.toString('hex'));
  assert.deepEqual(Buffer.from(await kept.Body.transformToByteArray()), bytes);
  assert.deepEqual(await get('a/one.bin'), bytes);
  const { ContentType, ContentLength } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'a/one.bin' }));
  assert.deepEqual([ContentType, ContentLength], ['image/png', bytes.length]);
  await remove('a/one.bin');
  assert.deepEqual(await blobs(), []);
});

test('sizes and ranges', async () => {
  const bytes = randomBytes(2 * MIB + 5);
  await put('ranges', bytes);
  for (const [from, to] of [[0, 0], [0, bytes.length - 1], [1, 262_144], [MIB, MIB + 99], [bytes.length - 3, bytes.length - 1]]) {
    assert.deepEqual(await get('ranges', { Range: `bytes=${from}-${to}` }), bytes.subarray(from, to + 1), `${from}-${to}`);
  }
  assert.deepEqual(await get('ranges', { Range: 'bytes=-10' }), bytes.subarray(-10));
  await assert.rejects(get('ranges', { Range: `bytes=${bytes.length}-` }), { name: 'InvalidRange' });
  for (const size of [0, 1, 16 * 1024, 16 * 1024 + 1, 262_144, 262_145]) {
    const some = bytes.subarray(0, size);
    await put('size', some);
    assert.deepEqual(await get('size'), some, `${size} bytes`);
    assert.equal((await blobs()).length, size > 16 * 1024 ? 2 : 1, 'small ones stay in the database');
  }
  await Promise.all(['ranges', 'size'].map(remove));
  assert.deepEqual(await blobs(), []);
});

test('parts, copies, parts that are copies', async () => {
  const parts = [randomBytes(5 * MIB), randomBytes(5 * MIB), randomBytes(70_000)];
  const whole = Buffer.concat(parts);
  const Key = 'big';
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const done = await Promise.all(
    parts.map((Body, i) => s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: i + 1, Body }))));
  const Parts = done.map(({ ETag, ChecksumCRC32 }, i) => ({ PartNumber: i + 1, ETag, ChecksumCRC32 }));
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  assert.deepEqual(await get(Key), whole);
  assert.deepEqual(await get(Key, { Range: `bytes=${5 * MIB - 5}-${10 * MIB + 4}` }), whole.subarray(5 * MIB - 5, 10 * MIB + 5));
  assert.deepEqual(await get(Key, { PartNumber: 2 }), parts[1]);
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/${Key}` }));
  const again = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'pieces' }));
  const CopySourceRange = `bytes=${MIB}-${6 * MIB + 99}`;
  const { CopyPartResult } = await s3.send(new UploadPartCopyCommand({
    Bucket, Key: 'pieces', UploadId: again.UploadId, PartNumber: 1, CopySource: `${Bucket}/copy`, CopySourceRange,
  }));
  await s3.send(new CompleteMultipartUploadCommand({
    Bucket, Key: 'pieces', UploadId: again.UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: CopyPartResult.ETag }] },
  }));
  await remove(Key);
  assert.deepEqual(await get('copy'), whole);
  assert.deepEqual(await get('pieces'), whole.subarray(MIB, 6 * MIB + 100));
  await Promise.all(['copy', 'pieces'].map(remove));
  assert.deepEqual(await blobs(), []);
});

test('many at once', async () => {
  const all = Array.from({ length: 48 }, (_, i) => [`many/${i}`, randomBytes(20_000 + i * 9_973)]);
  await Promise.all(all.map(([key, bytes]) => put(key, bytes)));
  const got = await Promise.all(all.map(([key]) => get(key)));
  all.forEach(([key, bytes], i) => assert.ok(bytes.equals(got[i]), key));
  await Promise.all(all.map(([key]) => remove(key)));
  assert.deepEqual(await blobs(), []);
});

test('who goes away in the midst of an upload leaves nothing', async () => {
  const body = new PassThrough();
  const going = new AbortController();
  const upload = s3.send(new PutObjectCommand({ Bucket, Key: 'half', Body: body, ContentLength: 4 * MIB }), { abortSignal: going.signal });
  body.write(randomBytes(2 * MIB));
  await until(() => spooled(storage).length === 1);
  going.abort();
  await assert.rejects(upload);
  await until(() => spooled(storage).length === 0);
  assert.deepEqual(await blobs(), []);
});

// ---- what goes wrong ---------------------------------------------------------------------------

/** An upstream and a front of their own, the upstream on a port that it can come back to. */
async function pair(t, changed = {}) {
  const port = String(await freePort());
  let behind = await startStorage('files', { env: {}, port });
  const settings = { ...(await upstreamEnv(behind)), AMPD_BLOB_SWEEP_AGE_MS: '0', AMPD_BLOB_PATIENCE_MS: '8000', ...changed };
  let front = await startStorage('files', { env: settings });
  t.after(async () => {
    await front.end();
    await behind.end();
  });
  const client = async () => front.s3({ maxAttempts: 1 });
  const own = {
    settings,
    front: () => front,
    behind: () => behind,
    s3: await client(),
    /** Keys in the bucket behind. */
    blobs: async () =>
      ((await (await behind.s3()).send(new ListObjectsV2Command({ Bucket: behind.bucket('files') }))).Contents ?? []).map(({ Key }) => Key),
    put: (Key, Body) => own.s3.send(new PutObjectCommand({ Bucket: front.bucket('files'), Key, Body })),
    open: async (Key) => (await own.s3.send(new GetObjectCommand({ Bucket: front.bucket('files'), Key }))).Body,
    get: async (Key) => Buffer.from(await (await own.open(Key)).transformToByteArray()),
    remove: (Key) => own.s3.send(new DeleteObjectCommand({ Bucket: front.bucket('files'), Key })),
    killBehind: () => behind.kill(),
    startBehind: async () => (behind = await behind.again({ port })),
    /** Ends the front, in order or not, and starts it again. */
    restart: async (how, env) => {
      await front[how]();
      front = await front.again({ env });
      own.s3 = await client();
    },
  };
  return own;
}

test('an upstream that is away: 503, its cause in the log, and small objects as ever', async (t) => {
  const { front, settings, put, get, killBehind, startBehind, blobs } = await pair(t, { AMPD_BLOB_PATIENCE_MS: '500' });
  const bytes = randomBytes(100_000);
  await put('there', bytes);
  await killBehind();
  await put('small', 'small');
  assert.equal(String(await get('small')), 'small');
  const away = { name: 'ServiceUnavailable', $metadata: undefined };
  for (const attempt of [() => put('new', bytes), () => get('there')]) {
    await assert.rejects(attempt(), ({ name, $metadata }) => name === away.name && $metadata.httpStatusCode === 503);
  }
  await logged(front(), /"event":"blob\.upstream"[^\n]*keeping a blob: [^\n]*127\.0\.0\.1:\d+ failed: [^\n]*(connect|refused)/i);
  assert.ok(!front().log().includes(settings.AMPD_BLOB_SECRET_ACCESS_KEY));
  await startBehind();
  await assert.rejects(get('new'), { name: 'NoSuchKey' });
  assert.deepEqual(await get('there'), bytes);
  await put('new', bytes);
  assert.equal((await blobs()).length, 2);
});

test('an upstream that is killed in mid-upload and comes back: the upload succeeds', async (t) => {
  const { put, get, behind, killBehind, startBehind, blobs, front } = await pair(t);
  const bytes = randomBytes(96 * MIB);
  const upload = put('large', bytes);
  await until(() => spooled(behind()).length === 1);
  assert.equal(spooled(front()).length, 1);
  await killBehind();
  await startBehind();
  await upload;
  assert.ok(bytes.equals(await get('large')));
  assert.equal((await blobs()).length, 1);
  assert.deepEqual([spooled(front()), spooled(behind())], [[], []]);
});

test('an upstream that is killed in mid-download and comes back: the download goes on', async (t) => {
  const { put, open, killBehind, startBehind } = await pair(t);
  const bytes = randomBytes(48 * MIB);
  await put('large', bytes);
  const body = await open('large');
  const pieces = [];
  let killed;
  for await (const piece of body) {
    pieces.push(piece);
    if (killed === undefined) {
      killed = await killBehind().then(startBehind).then(() => true);
    }
  }
  assert.ok(bytes.equals(Buffer.concat(pieces)));
});

test('kill -9 during uploads: what was acknowledged is there, what was not leaves nothing', async (t) => {
  const own = await pair(t);
  const kept = new Map(); // by key: what may be there
  let stop = false;
  const writer = async (name) => {
    for (let i = 0; !stop; i++) {
      const bytes = randomBytes(30_000 + Math.floor(Math.random() * 3 * MIB));
      const key = `${name}/${i % 3}`; // replaces former ones
      try {
        await own.put(key, bytes);
        kept.set(key, [bytes]);
      } catch {
        kept.set(key, [...(kept.get(key) ?? [undefined]), bytes]); // the one or the other
        return;
      }
    }
  };
  for (let round = 0; round < 3; round++) {
    stop = false;
    const before = kept.size;
    const writers = ['a', 'b', 'c', 'd'].map((name) => writer(`${round}${name}`));
    await until(() => kept.size >= before + 8);
    await own.front().kill();
    stop = true;
    await Promise.all(writers);
    await own.restart('kill');
    let count = 0;
    for (const [key, versions] of kept) {
      const got = await own.get(key).catch((error) => assert.equal(error.name, 'NoSuchKey', error.stack));
      assert.ok(versions.some((bytes) => (bytes === undefined ? got === undefined : got !== undefined && bytes.equals(got))), key);
      count += got !== undefined ? 1 : 0;
    }
    await until(async () => (await own.blobs()).length === count);
    assert.deepEqual(spooled(own.front()), []);
  }
  const { stdout } = await own.front().stop().then(() => own.front().ampd('fsck', '--data'));
  assert.match(stdout, /: 0 problems\n$/);
  await own.restart('kill');
});

test('a wrong key: 503, and the log says what the upstream says', async (t) => {
  const own = await pair(t);
  await own.put('before', randomBytes(50_000));
  const wrong = { ...own.settings, AMPD_BLOB_SECRET_ACCESS_KEY: 'wrong-and-not-to-be-logged' };
  await own.restart('stop', wrong);
  await assert.rejects(own.put('x', randomBytes(50_000)), { name: 'ServiceUnavailable' });
  await assert.rejects(own.get('before'), { name: 'ServiceUnavailable' });
  await logged(own.front(), /403 SignatureDoesNotMatch/);
  assert.ok(!own.front().log().includes(wrong.AMPD_BLOB_SECRET_ACCESS_KEY));
  const nowhere = { ...own.settings, AMPD_BLOB_URL: 's3://amplify.nowhere' };
  await own.restart('stop', nowhere);
  await assert.rejects(own.put('x', randomBytes(50_000)), { name: 'ServiceUnavailable' });
  await logged(own.front(), /404 NoSuchBucket/);
  await own.restart('stop', own.settings);
  assert.equal((await own.get('before')).length, 50_000);
  assert.equal((await own.blobs()).length, 1);
});

test('damaged and lost bytes are found, by readers and by fsck', async (t) => {
  const own = await pair(t);
  await own.put('damaged', randomBytes(2 * MIB));
  const [file] = stored(own.behind());
  const [kept] = await own.blobs();
  await own.put('lost', randomBytes(MIB));
  const changed = readFileSync(file);
  changed[MIB] ^= 1;
  writeFileSync(file, changed);
  await assert.rejects(own.get('damaged'), 'the connection ends before the last bytes');
  await logged(own.front(), /"event":"blob\.damaged"/);
  const Key = (await own.blobs()).find((key) => key !== kept);
  await (await own.behind().s3()).send(new DeleteObjectCommand({ Bucket: own.behind().bucket('files'), Key }));
  await assert.rejects(own.get('lost'));
  await own.front().stop();
  const fsck = (...words) => own.front().ampd('fsck', ...words).catch((error) => error);
  const { stdout } = await fsck('--data');
  assert.match(stdout, /amplify\.files\/damaged: /);
  assert.match(stdout, /amplify\.files\/lost: /);
  assert.match(stdout, /2 problems/);
  await own.restart('kill');
});

test('who reads an object that is removed meanwhile reads it to its end', async (t) => {
  const own = await pair(t);
  const bytes = randomBytes(48 * MIB);
  await own.put('large', bytes);
  const body = await own.open('large');
  const first = await new Promise((resolve) => body.once('readable', () => resolve(body.read())));
  await own.remove('large');
  await assert.rejects(own.get('large'), { name: 'NoSuchKey' });
  assert.equal((await own.blobs()).length, 1);
  const pieces = [first];
  for await (const piece of body) pieces.push(piece);
  assert.ok(bytes.equals(Buffer.concat(pieces)));
  await until(async () => (await own.blobs()).length === 0);
});

test('files from before stay readable; without its settings the upstream\'s objects say why they are not', async (t) => {
  const own = await pair(t);
  const [local, remote] = [randomBytes(70_000), randomBytes(80_000)];
  await own.restart('stop', {});
  await own.put('local', local);
  await own.restart('stop', own.settings);
  await own.put('remote', remote);
  assert.deepEqual([await own.get('local'), await own.get('remote')], [local, remote]);
  await own.restart('stop', {});
  assert.deepEqual(await own.get('local'), local);
  await assert.rejects(own.get('remote'), { name: 'ServiceUnavailable' });
  await logged(own.front(), /none is configured \(AMPD_BLOB_URL\)/);
  const file = path.join(own.front().folder, 'secret');
  writeFileSync(file, `${own.settings.AMPD_BLOB_SECRET_ACCESS_KEY}\n`);
  const { AMPD_BLOB_SECRET_ACCESS_KEY: _, ...rest } = own.settings;
  await own.restart('stop', { ...rest, AMPD_BLOB_SECRET_ACCESS_KEY_FILE: file });
  assert.deepEqual(await own.get('remote'), remote);
  await own.remove('local');
  assert.deepEqual(stored(own.front()), []);
});

test('another backend\'s blobs under the same prefix are left alone', async (t) => {
  const own = await pair(t);
  const bytes = randomBytes(90_000);
  await own.put('mine', bytes);
  const other = await startStorage('files', { env: own.settings });
  const theirs = await other.s3();
  await theirs.send(new PutObjectCommand({ Bucket: other.bucket('files'), Key: 'theirs', Body: bytes }));
  await theirs.send(new DeleteObjectCommand({ Bucket: other.bucket('files'), Key: 'theirs' }));
  await other.end();
  await own.restart('kill');
  assert.deepEqual(await own.get('mine'), bytes);
  assert.equal((await own.blobs()).length, 1);
});

test('over TLS: with the authority that was given, and with no other', async (t) => {
  const own = await pair(t, { AMPD_BLOB_PATIENCE_MS: '300' });
  const tls = { ...own.settings, AMPD_BLOB_ENDPOINT: `https://localhost:${own.behind().port}`, AMPD_BLOB_CA: own.behind().caFile };
  const bytes = randomBytes(3 * MIB);
  await own.restart('stop', tls);
  await own.put('safe', bytes);
  assert.deepEqual(await own.get('safe'), bytes);
  const { AMPD_BLOB_CA: _, ...untrusted } = tls;
  await own.restart('stop', untrusted);
  await assert.rejects(own.get('safe'), { name: 'ServiceUnavailable' });
  await logged(own.front(), /reading a blob: [^\n]*certificate/i);
});

test('settings that cannot be are refused at the start', async () => {
  for (const [changed, words] of [
    [{ AMPD_BLOB_URL: 'https://bucket' }, /AMPD_BLOB_URL names no bucket/],
    [{ AMPD_BLOB_URL: 's3://bucket/a//b' }, /AMPD_BLOB_URL names no bucket/],
    [{ AMPD_BLOB_ENDPOINT: 'ftp://127.0.0.1' }, /AMPD_BLOB_ENDPOINT/],
    [{ AMPD_BLOB_ENDPOINT: 'http://127.0.0.1/path' }, /AMPD_BLOB_ENDPOINT/],
    [{ AMPD_BLOB_ACCESS_KEY_ID: '' }, /no access key/],
    [{ AMPD_BLOB_SECRET_ACCESS_KEY: '' }, /AMPD_BLOB_SECRET_ACCESS_KEY/],
    [{ AMPD_BLOB_SECRET_ACCESS_KEY: 'x'.repeat(129) }, /AMPD_BLOB_SECRET_ACCESS_KEY has more than 128 characters/],
  ]) {
    await assert.rejects(startStorage('files', { env: { ...env, ...changed } }), words);
  }
});
