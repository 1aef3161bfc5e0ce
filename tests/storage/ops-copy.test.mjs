// Copies, tags, attributes and the headers that are kept with an object.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand, DeleteObjectTaggingCommand, GetObjectAttributesCommand, GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand,
  PutObjectCommand, PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { refused, startStorage } from './lib.mjs';

let storage;
let s3;
let Bucket;
before(async () => {
  storage = await startStorage('files');
  s3 = await storage.s3();
  Bucket = storage.bucket('files');
});
after(() => storage.end());

const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());
const textOf = async (Key) => (await bytesOf(await s3.send(new GetObjectCommand({ Bucket, Key })))).toString();
const put = (Key, Body, options = {}) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...options }));
const copy = (Key, source, options = {}) => s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: source, ...options }));
const head = (Key) => s3.send(new HeadObjectCommand({ Bucket, Key }));
const tagsOf = async (Key) => Object.fromEntries((await s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet.map((tag) => [tag.Key, tag.Value]));

for (const size of [0, 10, 16385, 700_000]) {
  test(`a copy of ${size} bytes`, async () => {
    const Body = randomBytes(size);
    await put('copy/from', Body, { ContentType: 'image/png', Metadata: { a: 'b' }, ContentDisposition: 'inline', Tagging: 't=1' });
    const { CopyObjectResult } = await copy('copy/to', `${Bucket}/copy/from`);
    assert.equal(CopyObjectResult.ETag, `"${createHash('md5').update(Body).digest('hex')}"`);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'copy/to' }));
    assert.ok(Body.equals(await bytesOf(got)));
    assert.deepEqual([got.ContentType, got.Metadata, got.ContentDisposition, got.TagCount], ['image/png', { a: 'b' }, 'inline', 1]);
  });
}

test('directives', async () => {
  await put('dir/from', 'x', { ContentType: 'image/png', Metadata: { a: 'b' }, Tagging: 't=1' });
  await copy('dir/to', `${Bucket}/dir/from`, { MetadataDirective: 'REPLACE', ContentType: 'text/plain', Metadata: { c: 'd' } });
  const to = await head('dir/to');
  assert.deepEqual([to.ContentType, to.Metadata], ['text/plain', { c: 'd' }]);
  assert.deepEqual(await tagsOf('dir/to'), { t: '1' });
  await copy('dir/to', `${Bucket}/dir/from`, { TaggingDirective: 'REPLACE', Tagging: 'u=2' });
  assert.deepEqual(await tagsOf('dir/to'), { u: '2' });
  assert.deepEqual((await head('dir/to')).Metadata, { a: 'b' });
  await refused(copy('dir/to', `${Bucket}/dir/from`, { MetadataDirective: 'OTHER' }), 'InvalidArgument');
});

test('onto itself', async () => {
  await put('self', 'x', { Metadata: { a: '1' } });
  await refused(copy('self', `${Bucket}/self`), 'InvalidRequest',
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.");
  await copy('self', `${Bucket}/self`, { MetadataDirective: 'REPLACE', Metadata: { a: '2' } });
  assert.deepEqual((await head('self')).Metadata, { a: '2' });
  assert.equal(await textOf('self'), 'x');
});

test('names of sources: encoded, not encoded, with a slash before', async () => {
  for (const key of ['a b', 'ä+ö', '100%', 'q?versions', 'x&y=z', '50%25']) {
    await put(`src/${key}`, key);
    await copy('named', `${Bucket}/${encodeURIComponent(`src/${key}`)}`);
    assert.equal(await textOf('named'), key);
    if (!/[^\x20-\x7e]/.test(key)) {
      await copy('named', `/${Bucket}/src/${key}`);
      assert.equal(await textOf('named'), key, `${key} as it is`);
    }
  }
  await refused(copy('named', 'nothing'), 'InvalidArgument');
  await refused(copy('named', `${Bucket}/none`), 'NoSuchKey');
  await refused(copy('named', 'no-such-bucket/none'), 'NoSuchBucket');
});

test('conditions on the source and on the target', async () => {
  const { ETag } = await put('cond/from', 'x');
  await put('cond/there', 'y');
  const source = `${Bucket}/cond/from`;
  const past = new Date(Date.now() - 3600_000);
  const future = new Date(Date.now() + 3600_000);
  for (const options of [{ CopySourceIfMatch: '"no"' }, { CopySourceIfNoneMatch: ETag }, { CopySourceIfUnmodifiedSince: past }, { CopySourceIfModifiedSince: future }]) {
    await refused(copy('cond/to', source, options), 'PreconditionFailed');
  }
  for (const options of [{ CopySourceIfMatch: ETag }, { CopySourceIfNoneMatch: '"no"' }, { CopySourceIfUnmodifiedSince: future }, { CopySourceIfModifiedSince: past },
    { CopySourceIfMatch: ETag, CopySourceIfUnmodifiedSince: past }]) {
    await copy('cond/to', source, options);
  }
  await refused(copy('cond/there', source, { IfNoneMatch: '*' }), 'PreconditionFailed');
});

test('a copy needs the right to read its source and to write its target', async () => {
  await put('rights/from', 'x');
  const writer = await storage.s3({ credentials: await storage.key('s3:PutObject') });
  await refused(writer.send(new CopyObjectCommand({ Bucket, Key: 'rights/to', CopySource: `${Bucket}/rights/from` })), 'AccessDenied');
  const reader = await storage.s3({ credentials: await storage.key('s3:GetObject') });
  await refused(reader.send(new CopyObjectCommand({ Bucket, Key: 'rights/to', CopySource: `${Bucket}/rights/from` })), 'AccessDenied');
  const both = await storage.s3({ credentials: await storage.key('s3:GetObject', 's3:PutObject') });
  await both.send(new CopyObjectCommand({ Bucket, Key: 'rights/to', CopySource: `${Bucket}/rights/from` }));
  await refused(both.send(new CopyObjectCommand({ Bucket, Key: 'rights/to', CopySource: `${Bucket}/rights/none` })), 'AccessDenied');
});

test('tags of objects', async () => {
  const Key = 'tagged';
  await put(Key, 'x', { Tagging: 'a=1&b=two%20words&c=' });
  assert.deepEqual(await tagsOf(Key), { a: '1', b: 'two words', c: '' });
  assert.equal((await head(Key)).TagCount, 3);
  const set = (TagSet, options = {}) => s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet }, ...options }));
  await set([{ Key: 'ä', Value: '<&>' }]);
  assert.deepEqual(await tagsOf(Key), { ä: '<&>' });
  await s3.send(new DeleteObjectTaggingCommand({ Bucket, Key }));
  assert.deepEqual(await tagsOf(Key), {});
  assert.equal(await textOf(Key), 'x');
  await refused(set([{ Key: 'a', Value: '1' }, { Key: 'a', Value: '2' }]), 'InvalidTag');
  await refused(set([{ Key: 'a'.repeat(129), Value: '1' }]), 'InvalidTag');
  await refused(set([{ Key: 'a', Value: '1'.repeat(257) }]), 'InvalidTag');
  await refused(set(Array.from({ length: 11 }, (_, i) => ({ Key: `k${i}`, Value: '' }))), 'BadRequest');
  await refused(put(Key, 'x', { Tagging: Array.from({ length: 11 }, (_, i) => `k${i}=`).join('&') }), 'BadRequest');
  await refused(s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'none' })), 'NoSuchKey');
});

test('headers are kept as they were', async () => {
  const Key = 'headers';
  await put(Key, 'x', { CacheControl: 'no-cache', ContentDisposition: 'attachment; filename="ä.txt"'.replace('ä', 'a'), ContentEncoding: 'gzip', ContentLanguage: 'de',
    WebsiteRedirectLocation: '/other', ContentType: 'text/plain; charset=utf-8' });
  const got = await head(Key);
  assert.deepEqual([got.CacheControl, got.ContentDisposition, got.ContentEncoding, got.ContentLanguage, got.WebsiteRedirectLocation, got.ContentType],
    ['no-cache', 'attachment; filename="a.txt"', 'gzip', 'de', '/other', 'text/plain; charset=utf-8']);
  const over = await s3.send(new GetObjectCommand({ Bucket, Key, ResponseContentType: 'image/png', ResponseCacheControl: 'private', ResponseContentLanguage: 'en' }));
  assert.deepEqual([over.ContentType, over.CacheControl, over.ContentLanguage], ['image/png', 'private', 'en']);
  await over.Body.transformToByteArray();
  const credentials = await storage.key();
  const raw = (request) => storage.signed(credentials, { path: `/${Bucket}/expires`, ...request });
  assert.equal((await raw({ method: 'PUT', headers: { expires: 'whenever you like' }, body: 'x' })).status, 200);
  const kept = await raw({ method: 'GET' });
  assert.equal(kept.headers.expires, 'whenever you like');
});

test('attributes', async () => {
  const { ETag } = await put('attributes', 'hello', { ChecksumAlgorithm: 'SHA256' });
  const ask = (...ObjectAttributes) => s3.send(new GetObjectAttributesCommand({ Bucket, Key: 'attributes', ObjectAttributes }));
  const all = await ask('ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize');
  assert.deepEqual([all.ETag, all.ObjectSize, all.StorageClass, all.ObjectParts], [ETag.replaceAll('"', ''), 5, 'STANDARD', undefined]);
  assert.equal(all.Checksum.ChecksumSHA256, createHash('sha256').update('hello').digest('base64'));
  const some = await ask('ObjectSize');
  assert.deepEqual([some.ETag, some.ObjectSize], [undefined, 5]);
  await refused(ask('Nothing'), 'InvalidArgument');
});

test('what is not done is refused', async () => {
  await refused(put('no', 'x', { ACL: 'public-read' }), 'AccessControlListNotSupported');
  await refused(put('no', 'x', { ServerSideEncryption: 'aws:kms' }), 'NotImplemented');
  await put('yes', 'x', { ACL: 'private', ServerSideEncryption: 'AES256' });
  await refused(put('no', 'x', { Metadata: { a: 'x'.repeat(2048) } }), 'MetadataTooLarge');
  await refused(put('k'.repeat(1025), 'x'), 'KeyTooLongError');
  await put('k'.repeat(1024), 'x');
  await put(`ü${'k'.repeat(1022)}`, 'x');
});
