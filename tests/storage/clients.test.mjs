// @aws-sdk/client-s3, lib-storage and the presigners over TLS: by path and by host, with streams, checksums and parts.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { refused, startStorage } from './lib.mjs';

const MIB = 1 << 20;
let storage;
let Bucket;
before(async () => {
  storage = await startStorage('files');
  Bucket = storage.bucket('files');
});
after(() => storage.end());

const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());
/** A stream of these bytes, in pieces of uneven size. */
function* pieces(data) {
  for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7 + 13) % 100_000 + 1) yield data.subarray(at, at + size);
}
const stream = (data) => Readable.from(pieces(data));

// By host over TLS needs a bucket whose name has no dot (a wildcard stands for one label): there the certificate is not looked at.
for (const [style, options] of [
  ['by path, TLS', { forcePathStyle: true }],
  ['by path, plain', { forcePathStyle: true, plain: true }],
  ['by host, plain', { forcePathStyle: false, plain: true }],
]) {
  const client = ({ plain, ...rest } = options) =>
    storage.s3({ endpoint: plain ? storage.secure.replace('https', 'http') : storage.secure, ...rest });

  test(`${style}: every algorithm, of bytes and streams`, async () => {
    const s3 = await client();
    const data = randomBytes(300_000);
    for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
      for (const [kind, Body, more] of [['bytes', data, {}], ['stream', stream(data), { ContentLength: data.length }]]) {
        const Key = `${style}/${ChecksumAlgorithm}/${kind} ä+&`;
        const stored = await s3.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ChecksumAlgorithm, ...more }));
        const sum = stored[`Checksum${ChecksumAlgorithm}`];
        assert.ok(sum, `${Key} ${JSON.stringify(stored)}`);
        const got = await s3.send(new sdk.GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
        assert.equal(got[`Checksum${ChecksumAlgorithm}`], sum);
        assert.ok((await bytesOf(got)).equals(data), Key); // the client compares the sum as it reads
      }
    }
    await refused(s3.send(new sdk.PutObjectCommand({ Bucket, Key: 'wrong', Body: data, ChecksumSHA256: createHash('sha256').update('x').digest('base64') })), 'BadDigest');
    await refused(s3.send(new sdk.PutObjectCommand({ Bucket, Key: 'wrong', Body: data, ContentMD5: createHash('md5').update('x').digest('base64') })), 'BadDigest');
    await refused(s3.send(new sdk.HeadObjectCommand({ Bucket, Key: 'wrong' })), 'NotFound');
  });

  test(`${style}: a large upload in parts, and copies`, async () => {
    const s3 = await client();
    const data = randomBytes(17 * MIB);
    const Key = `${style}/large`;
    const seen = [];
    const upload = new Upload({ client: s3, params: { Bucket, Key, Body: stream(data), ContentType: 'a/b', Metadata: { a: 'b' } }, queueSize: 3, partSize: 5 * MIB });
    upload.on('httpUploadProgress', ({ loaded }) => seen.push(loaded));
    const { ETag } = await upload.done();
    assert.match(ETag, /-4"$/);
    assert.equal(seen.at(-1), data.length);
    const head = await s3.send(new sdk.HeadObjectCommand({ Bucket, Key }));
    assert.deepEqual([head.ContentLength, head.ContentType, head.Metadata, head.ETag], [data.length, 'a/b', { a: 'b' }, ETag]);
    assert.ok((await bytesOf(await s3.send(new sdk.GetObjectCommand({ Bucket, Key })))).equals(data));
    const part = await s3.send(new sdk.GetObjectCommand({ Bucket, Key, PartNumber: 2 }));
    assert.ok((await bytesOf(part)).equals(data.subarray(5 * MIB, 10 * MIB)));
    assert.equal(part.PartsCount, 4);
    await s3.send(new sdk.CopyObjectCommand({ Bucket, Key: `${Key} copy`, CopySource: `${Bucket}/${encodeURIComponent(Key)}` }));
    assert.ok((await bytesOf(await s3.send(new sdk.GetObjectCommand({ Bucket, Key: `${Key} copy` })))).equals(data));

    const { UploadId } = await s3.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key: 'joined' }));
    const ranges = [`0-${6 * MIB - 1}`, `${6 * MIB}-${data.length - 1}`];
    const Parts = [];
    for (const [i, range] of ranges.entries()) {
      const { CopyPartResult } = await s3.send(new sdk.UploadPartCopyCommand({
        Bucket, Key: 'joined', UploadId, PartNumber: i + 1, CopySource: `${Bucket}/${encodeURIComponent(Key)}`, CopySourceRange: `bytes=${range}`,
      }));
      Parts.push({ PartNumber: i + 1, ETag: CopyPartResult.ETag });
    }
    assert.equal((await s3.send(new sdk.ListPartsCommand({ Bucket, Key: 'joined', UploadId }))).Parts.length, 2);
    await s3.send(new sdk.CompleteMultipartUploadCommand({ Bucket, Key: 'joined', UploadId, MultipartUpload: { Parts } }));
    assert.ok((await bytesOf(await s3.send(new sdk.GetObjectCommand({ Bucket, Key: 'joined' })))).equals(data));
  });

  test(`${style}: an upload that is broken off leaves nothing`, async () => {
    const s3 = await client();
    const upload = new Upload({ client: s3, params: { Bucket, Key: 'aborted', Body: stream(randomBytes(30 * MIB)) }, queueSize: 2 });
    const done = upload.done();
    upload.once('httpUploadProgress', () => upload.abort());
    await assert.rejects(done, { name: 'AbortError' });
    await refused(s3.send(new sdk.HeadObjectCommand({ Bucket, Key: 'aborted' })), 'NotFound');
    // What the client leaves, when a part was under way, is seen and ended; what it ends itself may be gone by then.
    for (const deadline = Date.now() + 20_000; ; ) {
      const { Uploads } = await s3.send(new sdk.ListMultipartUploadsCommand({ Bucket }));
      if (Uploads === undefined) break;
      assert.ok(Date.now() < deadline, JSON.stringify(Uploads));
      for (const { Key, UploadId } of Uploads) {
        await s3.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(({ name }) => assert.equal(name, 'NoSuchUpload'));
      }
    }
  });

  test(`${style}: pre-signed GET, PUT, HEAD, DELETE and POST`, async () => {
    const s3 = await client();
    const Key = `${style}/signed ä+&=.txt`;
    const url = (command, more) => getSignedUrl(s3, command, { expiresIn: 300, ...more });
    const put = await url(new sdk.PutObjectCommand({ Bucket, Key, ContentType: 'text/plain', Metadata: { colour: 'red' } }));
    const sent = await fetch(put, { method: 'PUT', body: 'signed', headers: { 'content-type': 'text/plain' } });
    assert.equal(sent.status, 200, await sent.text());
    const get = await url(new sdk.GetObjectCommand({ Bucket, Key, ResponseContentType: 'a/b', ResponseContentDisposition: 'attachment; filename="a b"' }));
    const got = await fetch(get);
    assert.deepEqual([got.status, await got.text(), got.headers.get('content-type'), got.headers.get('content-disposition'), got.headers.get('x-amz-meta-colour')],
      [200, 'signed', 'a/b', 'attachment; filename="a b"', 'red']);
    assert.equal((await fetch(await url(new sdk.HeadObjectCommand({ Bucket, Key })), { method: 'HEAD' })).status, 200);
    assert.match(await (await fetch(await url(new sdk.ListObjectsV2Command({ Bucket, Prefix: `${style}/signed` })))).text(), /<Contents>/);
    const part = await fetch(get, { headers: { range: 'bytes=1-3' } });
    assert.deepEqual([part.status, await part.text()], [206, 'ign']);

    assert.equal((await fetch(await url(new sdk.DeleteObjectCommand({ Bucket, Key })), { method: 'DELETE' })).status, 204);
    await refused(s3.send(new sdk.HeadObjectCommand({ Bucket, Key })), 'NotFound');
  });

  test(`${style}: pre-signed POST`, async () => {
    const s3 = await client();
    const post = await createPresignedPost(s3, {
      Bucket, Key: `${style}/\${filename}`, Expires: 300, Fields: { 'Content-Type': 'text/css' },
      Conditions: [['starts-with', '$key', `${style}/`], ['content-length-range', 1, 100], { 'Content-Type': 'text/css' }],
    });
    const form = (text, changes = {}) => {
      const data = new FormData();
      for (const [name, value] of Object.entries({ ...post.fields, ...changes })) data.append(name, value);
      data.append('file', new Blob([text]), 'form.css');
      return fetch(post.url, { method: 'POST', body: data });
    };
    const posted = await form('body {}');
    assert.equal(posted.status, 204, await posted.text());
    assert.equal((await s3.send(new sdk.HeadObjectCommand({ Bucket, Key: `${style}/form.css` }))).ContentType, 'text/css');
    assert.equal((await form('x'.repeat(101))).status, 400);
    assert.equal((await form('x', { key: 'elsewhere/x' })).status, 403);
    assert.equal((await form('x', { Policy: Buffer.from('{"expiration":"2999-01-01T00:00:00Z","conditions":[]}').toString('base64') })).status, 403);
  });
}

test('a client of its own process trusts the authority by NODE_EXTRA_CA_CERTS', async () => {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  const { accessKeyId, secretAccessKey } = await storage.key();
  const program = `
    import { S3Client, ListBucketsCommand } from '@aws-sdk/client-s3';
    const s3 = new S3Client({ endpoint: 'https://localhost:${storage.port}', region: 'us-east-1', forcePathStyle: true });
    console.log((await s3.send(new ListBucketsCommand({}))).Buckets.map(({ Name }) => Name).sort().join());`;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: storage.caFile, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const run = (more) => promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname ?? new URL('.', import.meta.url).pathname, env: { ...env, ...more } });
  assert.equal((await run({})).stdout.trim(), ['archive', 'files'].map(storage.bucket).sort().join());
  await assert.rejects(run({ NODE_EXTRA_CA_CERTS: '' }), /certificate|self-signed/);
});

test('lists begin behind a key, before the prefix or in it', async () => {
  const s3 = await storage.s3();
  for (const Key of ['a/1', 'b/1', 'b/2', 'c/1']) await s3.send(new sdk.PutObjectCommand({ Bucket, Key, Body: 'x' }));
  const keys = async (Command, input) => ((await s3.send(new Command({ Bucket, Prefix: 'b/', ...input }))).Contents ?? []).map(({ Key }) => Key);
  for (const [after, expected] of [['a/1', ['b/1', 'b/2']], ['a', ['b/1', 'b/2']], ['b/', ['b/1', 'b/2']], ['b/1', ['b/2']], ['b/2', []], ['c', []]]) {
    assert.deepEqual(await keys(sdk.ListObjectsV2Command, { StartAfter: after }), expected, after);
    assert.deepEqual(await keys(sdk.ListObjectsCommand, { Marker: after }), expected, after);
  }
});

test('operations that tools call', async () => {
  const s3 = await storage.s3({ endpoint: storage.secure });
  await s3.send(new sdk.HeadBucketCommand({ Bucket }));
  const { LocationConstraint } = await s3.send(new sdk.GetBucketLocationCommand({ Bucket }));
  assert.ok([undefined, '', 'us-east-1'].includes(LocationConstraint));
  assert.equal((await s3.send(new sdk.GetBucketVersioningCommand({ Bucket: storage.bucket('archive') }))).Status, 'Enabled');
  await refused(s3.send(new sdk.HeadBucketCommand({ Bucket: 'nowhere' })), 'NotFound');
  await refused(s3.send(new sdk.ListObjectsV2Command({ Bucket: 'nowhere' })), 'NoSuchBucket');
  await s3.send(new sdk.PutObjectCommand({ Bucket, Key: 'tagged', Body: 'x', Tagging: 'a=b&c=d' }));
  assert.deepEqual((await s3.send(new sdk.GetObjectTaggingCommand({ Bucket, Key: 'tagged' }))).TagSet, [{ Key: 'a', Value: 'b' }, { Key: 'c', Value: 'd' }]);
  const { ObjectSize } = await s3.send(new sdk.GetObjectAttributesCommand({ Bucket, Key: 'tagged', ObjectAttributes: ['ObjectSize', 'ETag'] }));
  assert.equal(ObjectSize, 1);
});
