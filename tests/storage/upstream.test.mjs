// Bytes in a bucket of an S3-compatible store: a second ampd.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
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

/** Files of blobs in the front's own folder. */
const files = () => readdirSync(path.join(storage.dataDir, 'blob'), { recursive: true }).filter((name) => /[0-9a-f]+-[0-9a-f]+$/.test(name));

test('bytes lie upstream, and nothing of them here', async () => {
  const bytes = randomBytes(3 * MIB + 7);
  const { ETag } = await put('a/one.bin', bytes, { ContentType: 'image/png' });
  assert.equal(ETag, `"${createHash('md5').update(bytes).digest('hex')}"`);
  const [key, ...others] = await blobs();
  assert.match(key, /^blobs\/s3-[0-9a-f]{16}-[0-9a-f]+-[0-9a-f]+$/);
  assert.deepEqual(others, []);
  assert.deepEqual(files(), []);
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
