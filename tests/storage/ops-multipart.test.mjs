// Uploads in parts with @aws-sdk/client-s3: beginning, parts, completing, giving up, lists, checks.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CopyObjectCommand, CreateMultipartUploadCommand, DeleteObjectCommand,
  GetObjectAttributesCommand,
  GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, ListPartsCommand, PutObjectCommand, UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { refused, startStorage } from './lib.mjs';

const MIB = 1024 * 1024;
let storage;
let s3;
let plain; // sends no checksums of its own accord
let Bucket;
before(async () => {
  storage = await startStorage('files');
  s3 = await storage.s3();
  plain = await storage.s3({ requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' });
  Bucket = storage.bucket('files');
});
after(() => storage.end());

const md5 = (bytes) => createHash('md5').update(bytes).digest();
const composite = (parts) => `"${md5(Buffer.concat(parts.map(md5))).toString('hex')}-${parts.length}"`;
const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());
const get = async (Key, options) => s3.send(new GetObjectCommand({ Bucket, Key, ...options }));

async function begin(Key, options = {}, client = plain) {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...options }));
  return UploadId;
}
async function put(Key, UploadId, PartNumber, Body, options = {}, client = plain) {
  const answer = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...options }));
  const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = answer;
  return { PartNumber, ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 };
}
const complete = (Key, UploadId, Parts, options = {}, client = plain) =>
  client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...options }));
async function upload(Key, parts, options = {}) {
  const UploadId = await begin(Key, options);
  const named = [];
  for (const [i, part] of parts.entries()) named.push(await put(Key, UploadId, i + 1, part));
  return { UploadId, named, ...(await complete(Key, UploadId, named)) };
}
const blobCount = () => storage.blobCount();

test('two large parts and a small one become one object', async () => {
  const parts = [randomBytes(5 * MIB), randomBytes(5 * MIB), randomBytes(1234)];
  const whole = Buffer.concat(parts);
  const done = await upload('big/one', parts, { ContentType: 'text/x', Metadata: { a: 'b' }, CacheControl: 'max-age=5', Tagging: 'x=1&y=2' });
  assert.equal(done.ETag, composite(parts));
  const got = await get('big/one');
  assert.ok(whole.equals(await bytesOf(got)));
  assert.deepEqual([got.ContentLength, got.ETag, got.ContentType, got.Metadata, got.CacheControl, got.TagCount],
    [whole.length, done.ETag, 'text/x', { a: 'b' }, 'max-age=5', 2]);
  for (const [from, to] of [[0, 0], [5 * MIB - 1, 5 * MIB], [10 * MIB - 3, whole.length - 1], [10 * MIB, 10 * MIB + 5], [100, 10 * MIB + 100]]) {
    const range = await get('big/one', { Range: `bytes=${from}-${to}` });
    assert.ok(whole.subarray(from, to + 1).equals(await bytesOf(range)), `${from}-${to}`);
    assert.equal(range.ContentRange, `bytes ${from}-${to}/${whole.length}`);
  }
  const list = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'big/one' }));
  assert.deepEqual(list.Contents.map(({ Key, Size, ETag }) => [Key, Size, ETag]), [['big/one', whole.length, done.ETag]]);
});

test('parts by their number', async () => {
  const parts = [randomBytes(5 * MIB), randomBytes(6 * MIB), randomBytes(77)];
  await upload('big/numbers', parts);
  let at = 0;
  for (const [i, part] of parts.entries()) {
    const got = await get('big/numbers', { PartNumber: i + 1 });
    assert.ok(part.equals(await bytesOf(got)));
    assert.deepEqual([got.PartsCount, got.ContentRange], [3, `bytes ${at}-${at + part.length - 1}/${11 * MIB + 77}`]);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'big/numbers', PartNumber: i + 1 }));
    assert.deepEqual([head.PartsCount, head.ContentLength], [3, part.length]);
    at += part.length;
  }
  await refused(get('big/numbers', { PartNumber: 4 }), 'InvalidPartNumber');
  await refused(get('big/numbers', { PartNumber: 1, Range: 'bytes=0-1' }), 'InvalidRequest');
  await s3.send(new PutObjectCommand({ Bucket, Key: 'single', Body: 'abc' }));
  assert.equal((await bytesOf(await get('single', { PartNumber: 1 }))).toString(), 'abc');
  await refused(get('single', { PartNumber: 2 }), 'InvalidPartNumber');
});

test('completing is checked', async () => {
  const Key = 'big/checks';
  const UploadId = await begin(Key);
  const one = await put(Key, UploadId, 1, randomBytes(100));
  const two = await put(Key, UploadId, 2, randomBytes(100));
  await refused(complete(Key, UploadId, [two, one]), 'InvalidPartOrder');
  await refused(complete(Key, UploadId, [one, one]), 'InvalidPartOrder');
  await refused(complete(Key, UploadId, [{ ...one, ETag: two.ETag }]), 'InvalidPart');
  await refused(complete(Key, UploadId, [one, { ...two, PartNumber: 3 }]), 'InvalidPart');
  await refused(complete(Key, UploadId, [one, two]), 'EntityTooSmall');
  await refused(complete(Key, UploadId, []), 'MalformedXML');
  await refused(complete(Key, UploadId, [one], { MpuObjectSize: 99 }), 'InvalidRequest', /mp-object-size/);
  await refused(complete(Key, 'nothing', [one]), 'NoSuchUpload');
  await refused(complete('big/other', UploadId, [one]), 'NoSuchUpload');
  await refused(get(Key), 'NoSuchKey');
  const done = await complete(Key, UploadId, [one], { MpuObjectSize: 100 }); // part 2 is left out
  assert.equal((await bytesOf(await get(Key))).length, 100);
  assert.match(done.ETag, /-1"$/);
});

test('a repeated completion is answered again', async () => {
  const part = randomBytes(10);
  const { UploadId, named, ETag } = await upload('big/twice', [part]);
  const again = await complete('big/twice', UploadId, named);
  assert.equal(again.ETag, ETag);
  await refused(complete('big/twice', UploadId, [{ ...named[0], ETag: '"00"' }]), 'NoSuchUpload');
});

test('numbers need not be dense, parts may be replaced', async () => {
  const Key = 'big/sparse';
  const UploadId = await begin(Key);
  const a = randomBytes(5 * MIB);
  const c = randomBytes(30);
  await put(Key, UploadId, 3, randomBytes(5 * MIB));
  await put(Key, UploadId, 5, randomBytes(5 * MIB));
  const named = [await put(Key, UploadId, 3, a), await put(Key, UploadId, 900, c)];
  await complete(Key, UploadId, named);
  assert.ok(Buffer.concat([a, c]).equals(await bytesOf(await get(Key))));
  assert.ok(c.equals(await bytesOf(await get(Key, { PartNumber: 2 }))));
  assert.ok(Buffer.concat([a, c]).subarray(5 * MIB - 2, 5 * MIB + 2).equals(await bytesOf(await get(Key, { Range: `bytes=${5 * MIB - 2}-${5 * MIB + 1}` }))));
});

test('conditions of completing', async () => {
  const Key = 'big/conditions';
  const first = await upload(Key, [Buffer.from('one')]);
  const UploadId = await begin(Key);
  const named = [await put(Key, UploadId, 1, Buffer.from('two'))];
  await refused(complete(Key, UploadId, named, { IfNoneMatch: '*' }), 'PreconditionFailed');
  await refused(complete(Key, UploadId, named, { IfMatch: '"other"' }), 'PreconditionFailed');
  await complete(Key, UploadId, named, { IfMatch: first.ETag });
  assert.equal((await bytesOf(await get(Key))).toString(), 'two');
});

for (const [ChecksumAlgorithm, member, type] of [
  ['CRC32', 'ChecksumCRC32', 'COMPOSITE'], ['CRC32', 'ChecksumCRC32', 'FULL_OBJECT'], ['CRC32C', 'ChecksumCRC32C', 'FULL_OBJECT'],
  ['CRC64NVME', 'ChecksumCRC64NVME', 'FULL_OBJECT'], ['SHA1', 'ChecksumSHA1', 'COMPOSITE'], ['SHA256', 'ChecksumSHA256', 'COMPOSITE'],
]) {
  test(`checksums: ${ChecksumAlgorithm}, ${type}`, async () => {
    const Key = `sums/${ChecksumAlgorithm}-${type}`;
    const parts = [randomBytes(5 * MIB), randomBytes(200_000)];
    // The sum of the whole, as a single put of the same bytes has it.
    await storage.s3().then((client) =>
      client.send(new PutObjectCommand({ Bucket, Key: `${Key}/whole`, Body: Buffer.concat(parts), ChecksumAlgorithm: ChecksumAlgorithm === 'CRC64NVME' ? 'SHA256' : ChecksumAlgorithm })));
    const created = await plain.send(new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm, ChecksumType: type }));
    assert.deepEqual([created.ChecksumAlgorithm, created.ChecksumType], [ChecksumAlgorithm, type]);
    const { UploadId } = created;
    const named = [];
    for (const [i, part] of parts.entries()) {
      const options = ChecksumAlgorithm === 'CRC64NVME' ? {} : { ChecksumAlgorithm };
      named.push(await put(Key, UploadId, i + 1, part, options));
      assert.ok(named[i][member], 'a part has its sum');
    }
    if (type === 'COMPOSITE') {
      await refused(complete(Key, UploadId, named.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))), 'InvalidRequest', /missing for part 1/);
    }
    await refused(complete(Key, UploadId, named.map((part) => ({ ...part, [member]: named[1][member] }))), 'InvalidPart');
    const done = await complete(Key, UploadId, named, { ChecksumType: type });
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.deepEqual([head[member], head.ChecksumType], [done[member], type]);
    if (type === 'FULL_OBJECT' && ChecksumAlgorithm !== 'CRC64NVME') {
      const whole = await s3.send(new HeadObjectCommand({ Bucket, Key: `${Key}/whole`, ChecksumMode: 'ENABLED' }));
      assert.equal(done[member], whole[member]);
    } else if (type === 'COMPOSITE') {
      assert.match(done[member], /-2$/);
    }
    if (ChecksumAlgorithm.startsWith('SHA')) {
      const digest = (bytes) => createHash(ChecksumAlgorithm.toLowerCase()).update(bytes).digest();
      assert.equal(done[member], `${digest(Buffer.concat(parts.map(digest))).toString('base64')}-2`);
    }
    const attributes = await s3.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ['ETag', 'Checksum', 'ObjectParts', 'ObjectSize', 'StorageClass'] }));
    assert.deepEqual([attributes.Checksum[member], attributes.Checksum.ChecksumType, attributes.ObjectSize, attributes.StorageClass],
      [done[member], type, 5 * MIB + 200_000, 'STANDARD']);
    assert.equal(attributes.ObjectParts.TotalPartsCount, 2);
    assert.deepEqual(attributes.ObjectParts.Parts.map(({ PartNumber, Size }) => [PartNumber, Size]), [[1, 5 * MIB], [2, 200_000]]);
    assert.equal(attributes.ObjectParts.Parts[0][member], named[0][member]);
    assert.ok(Buffer.concat(parts).equals(await bytesOf(await get(Key))), 'the client has verified what it got');
  });
}

test('checksum types that do not go together are refused', async () => {
  await refused(begin('sums/x', { ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' }), 'InvalidRequest');
  await refused(begin('sums/x', { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'COMPOSITE' }), 'InvalidRequest');
  const UploadId = await begin('sums/x', { ChecksumAlgorithm: 'SHA256' });
  await refused(put('sums/x', UploadId, 1, 'abc', { ChecksumAlgorithm: 'CRC32' }), 'InvalidRequest', /mismatch/);
});

test('giving up removes the parts', async () => {
  const before = blobCount();
  const Key = 'big/abort';
  const UploadId = await begin(Key);
  await put(Key, UploadId, 1, randomBytes(100_000));
  await put(Key, UploadId, 2, randomBytes(100));
  assert.equal(blobCount(), before + 1);
  await put(Key, UploadId, 1, randomBytes(200_000)); // in the place of the first
  assert.equal(blobCount(), before + 1);
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  assert.equal(blobCount(), before);
  await refused(s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })), 'NoSuchUpload');
  await refused(s3.send(new ListPartsCommand({ Bucket, Key, UploadId })), 'NoSuchUpload');
  await refused(put(Key, UploadId, 1, 'late'), 'NoSuchUpload');
});

test('deleting and replacing removes the parts', async () => {
  const before = blobCount();
  await upload('big/gone', [randomBytes(5 * MIB), randomBytes(100_000)]);
  assert.equal(blobCount(), before + 2);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'big/gone', Body: 'small' }));
  assert.equal(blobCount(), before);
  await upload('big/gone', [randomBytes(5 * MIB), randomBytes(100_000)]);
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'big/gone' }));
  assert.equal(blobCount(), before);
});

test('lists of parts, in pages', async () => {
  const Key = 'big/parts';
  const UploadId = await begin(Key);
  const named = [];
  for (const number of [1, 2, 3, 7, 10000]) named.push(await put(Key, UploadId, number, `part ${number}`));
  const seen = [];
  let PartNumberMarker;
  do {
    const page = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2, PartNumberMarker }));
    seen.push(...page.Parts.map(({ PartNumber, ETag, Size }) => [PartNumber, ETag, Size]));
    PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
  } while (PartNumberMarker !== undefined);
  assert.deepEqual(seen, named.map(({ PartNumber, ETag }) => [PartNumber, ETag, `part ${PartNumber}`.length]));
  await refused(put(Key, UploadId, 10001, 'x'), 'InvalidArgument');
  await refused(put(Key, UploadId, 0, 'x'), 'InvalidArgument');
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
});

test('lists of uploads, in pages, with delimiter', async () => {
  const keys = ['up/a/1', 'up/a/2', 'up/b', 'up/b', 'up/c/1', 'up/d'];
  const ids = [];
  for (const key of keys) ids.push([key, await begin(key)]);
  const seen = [];
  let KeyMarker, UploadIdMarker;
  do {
    const page = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'up/', MaxUploads: 2, KeyMarker, UploadIdMarker }));
    seen.push(...page.Uploads.map(({ Key, UploadId }) => [Key, UploadId]));
    ({ NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page);
    if (!page.IsTruncated) break;
  } while (true);
  assert.deepEqual(seen, ids);
  const top = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'up/', Delimiter: '/' }));
  assert.deepEqual(top.CommonPrefixes.map(({ Prefix }) => Prefix), ['up/a/', 'up/c/']);
  assert.deepEqual(top.Uploads.map(({ Key }) => Key), ['up/b', 'up/b', 'up/d']);
  for (const [Key, UploadId] of ids) await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  assert.equal((await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'up/' }))).Uploads, undefined);
});

test('parts copied from objects', async () => {
  const source = randomBytes(6 * MIB);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'from me', Body: source }));
  const Key = 'big/copied';
  const UploadId = await begin(Key);
  const copy = async (PartNumber, CopySourceRange, options = {}) => {
    const { CopyPartResult } = await s3.send(
      new UploadPartCopyCommand({ Bucket, Key, UploadId, PartNumber, CopySource: `${Bucket}/from%20me`, CopySourceRange, ...options }));
    return { PartNumber, ETag: CopyPartResult.ETag };
  };
  const named = [await copy(1), await copy(2, `bytes=100-${5 * MIB + 99}`), await copy(3, 'bytes=7-9')];
  await refused(copy(4, `bytes=0-${6 * MIB}`), 'InvalidArgument', /not valid/);
  await refused(copy(4, 'bytes=5-'), 'InvalidArgument');
  await refused(copy(4, undefined, { CopySourceIfMatch: '"no"' }), 'PreconditionFailed');
  await complete(Key, UploadId, named);
  const whole = Buffer.concat([source, source.subarray(100, 5 * MIB + 100), source.subarray(7, 10)]);
  assert.ok(whole.equals(await bytesOf(await get(Key))));
});

test('what was completed survives a restart', async () => {
  const parts = [randomBytes(5 * MIB), randomBytes(50)];
  await upload('big/lasting', parts);
  const UploadId = await begin('big/going-on');
  const named = [await put('big/going-on', UploadId, 1, 'begun')];
  storage = await storage.restart();
  s3 = await storage.s3();
  plain = s3;
  assert.ok(Buffer.concat(parts).equals(await bytesOf(await get('big/lasting'))));
  await complete('big/going-on', UploadId, named);
  assert.equal((await bytesOf(await get('big/going-on'))).toString(), 'begun');
});

test('a copy of an object of several parts', async () => {
  const parts = [randomBytes(5 * MIB), randomBytes(5 * MIB + 1), randomBytes(5 * MIB), randomBytes(77)];
  await upload('big/from', parts);
  const { CopyObjectResult } = await s3.send(new CopyObjectCommand({ Bucket, Key: 'big/to', CopySource: `${Bucket}/big/from` }));
  const whole = Buffer.concat(parts);
  assert.equal(CopyObjectResult.ETag, `"${md5(whole).toString('hex')}"`);
  assert.ok(whole.equals(await bytesOf(await get('big/to'))));
});
