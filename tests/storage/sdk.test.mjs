// @aws-sdk/client-s3 through its surface, by path, with an access key.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  DeleteObjectCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListBucketsCommand, ListObjectsV2Command, PutObjectCommand,
} from '@aws-sdk/client-s3';
import { refused, startStorage } from './lib.mjs';

let storage;
let s3;
const Bucket = () => storage.bucket('files');
before(async () => {
  storage = await startStorage('files');
  s3 = await storage.s3();
});
after(() => storage.end());

const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());

test('buckets are those of the definitions', async () => {
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  assert.deepEqual(Buckets.map(({ Name }) => Name).sort(), [storage.bucket('archive'), storage.bucket('files')].sort());
});

for (const size of [0, 1, 4096, 16384, 16385, 300_000, 3_000_000]) {
  test(`an object of ${size} bytes`, async () => {
    const Key = `sizes/${size}`;
    const Body = randomBytes(size);
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket: Bucket(), Key, Body, ContentType: 'image/png', Metadata: { colour: 'red' } }));
    const got = await s3.send(new GetObjectCommand({ Bucket: Bucket(), Key }));
    assert.ok(Body.equals(await bytesOf(got)));
    assert.deepEqual([got.ETag, got.ContentType, got.ContentLength, got.Metadata], [ETag, 'image/png', size, { colour: 'red' }]);
    const head = await s3.send(new HeadObjectCommand({ Bucket: Bucket(), Key }));
    assert.deepEqual([head.ETag, head.ContentLength], [ETag, size]);
    if (size > 10) {
      const part = await s3.send(new GetObjectCommand({ Bucket: Bucket(), Key, Range: `bytes=5-${size - 2}` }));
      assert.ok(Body.subarray(5, size - 1).equals(await bytesOf(part)));
    }
    await s3.send(new DeleteObjectCommand({ Bucket: Bucket(), Key }));
    await refused(s3.send(new GetObjectCommand({ Bucket: Bucket(), Key })), 'NoSuchKey');
  });
}

test('lists: delimiter, pages, prefixes', async () => {
  const keys = ['a/1', 'a/2', 'a/b/3', 'b', 'c/4', 'z z+&<"', 'ä/ö'];
  for (const key of keys) await s3.send(new PutObjectCommand({ Bucket: Bucket(), Key: `list/${key}`, Body: key }));
  const all = [];
  let token;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: Bucket(), Prefix: 'list/', MaxKeys: 2, ContinuationToken: token }));
    assert.ok(page.KeyCount <= 2);
    all.push(...page.Contents.map(({ Key }) => Key));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  assert.deepEqual(all, keys.map((key) => `list/${key}`));
  const top = await s3.send(new ListObjectsV2Command({ Bucket: Bucket(), Prefix: 'list/', Delimiter: '/' }));
  assert.deepEqual(top.CommonPrefixes.map(({ Prefix }) => Prefix), ['list/a/', 'list/c/', 'list/ä/']);
  assert.deepEqual(top.Contents.map(({ Key }) => Key), ['list/b', 'list/z z+&<"']);
  const gone = await s3.send(new DeleteObjectsCommand({ Bucket: Bucket(), Delete: { Objects: all.map((Key) => ({ Key })) } }));
  assert.equal(gone.Deleted.length, keys.length);
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket: Bucket(), Prefix: 'list/' }))).KeyCount, 0);
});
