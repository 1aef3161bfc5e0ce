// What is refused, with S3's codes; and keys that look like paths and are only names.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { startStorage } from './lib.mjs';
import { encodePath } from './sigv4.mjs';

let storage;
let s3;
let credentials;
let Bucket;
before(async () => {
  storage = await startStorage('files');
  s3 = await storage.s3();
  credentials = await storage.key();
  Bucket = storage.bucket('files');
});
after(() => storage.end());

function raw(method, target, { body, headers } = {}) {
  const [name, search] = target.split('?');
  const query = (search?.split('&') ?? []).map((pair) => [pair.split('=')[0], pair.split('=')[1] ?? '']);
  return storage.signed(credentials, { method, path: `/${Bucket}${name}`, query, headers, body });
}
const codeOf = ({ status, body }) => `${status} ${/<Code>(.*?)<\/Code>/.exec(String(body))?.[1]}`;

test('documents and arguments that are wrong', async () => {
  const list = (count) => `<Delete>${Array.from({ length: count }, (_, i) => `<Object><Key>${i}</Key></Object>`).join('')}</Delete>`;
  const cases = [
    ['POST', '?delete', { body: 'not XML' }, '400 MalformedXML'],
    ['POST', '?delete', { body: '<Delete></Delete>' }, '400 MalformedXML'],
    ['POST', '?delete', { body: '<Other></Other>' }, '400 MalformedXML'],
    ['POST', '?delete', { body: list(1001) }, '400 MalformedXML'],
    ['POST', '?delete', { body: '<!DOCTYPE Delete [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>' }, '400 MalformedXML'],
    ['POST', '?delete', { body: list(1), headers: { 'content-md5': createHash('md5').update('other').digest('base64') } }, '400 BadDigest'],
    ['POST', '/k?uploadId=x', { body: '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>' }, '404 NoSuchUpload'],
    ['POST', '/k?uploadId=x', { body: '<CompleteMultipartUpload/>' }, '400 MalformedXML'],
    ['PUT', '/k?uploadId=x', { body: 'x' }, '400 InvalidArgument'],
    ['PUT', '/k?partNumber=1&uploadId=x', { body: 'x' }, '404 NoSuchUpload'],
    ['PUT', '/k?tagging', { body: '<Tagging><TagSet><Tag><Key></Key></Tag></TagSet></Tagging>' }, '400 InvalidTag'],
    ['PUT', '/k', { body: 'x', headers: { 'content-md5': 'nonsense' } }, '400 InvalidDigest'],
    ['PUT', '/k', { body: 'x', headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } }, '400 BadDigest'],
    ['PUT', '/k', { body: 'x', headers: { 'x-amz-copy-source': 'x' } }, '400 InvalidArgument'],
    ['PUT', '?versioning', { body: '<VersioningConfiguration><Status>Maybe</Status></VersioningConfiguration>' }, '400 MalformedXML'],
    ['GET', '?list-type=2&max-keys=x', {}, '400 InvalidArgument'],
    ['GET', '?list-type=2&encoding-type=x', {}, '400 InvalidArgument'],
    ['GET', '?versions&version-id-marker=x', {}, '400 InvalidArgument'],
    ['GET', '?uploads&max-uploads=-1', {}, '400 InvalidArgument'],
    ['GET', '/k?torrent', {}, '501 NotImplemented'],
    ['PUT', '?policy', { body: '{}' }, '501 NotImplemented'],
    ['POST', '/k', { body: '' }, '405 MethodNotAllowed'],
    ['GET', '/none?attributes', { headers: { 'x-amz-object-attributes': 'ETag' } }, '404 NoSuchKey'],
  ];
  for (const [method, target, request, expected] of cases) {
    assert.equal(codeOf(await raw(method, target, request)), expected, `${method} ${target} ${request.body ?? ''}`.slice(0, 200));
  }
});

test('an error says what it is about', async () => {
  const answer = await raw('GET', '/no%20such');
  const element = (name) => new RegExp(`<${name}>(.*?)</${name}>`).exec(String(answer.body))?.[1];
  assert.deepEqual([element('Code'), element('Key'), element('BucketName'), element('Resource')], ['NoSuchKey', 'no such', Bucket, `/${Bucket}/no%20such`]);
  assert.equal(element('RequestId'), answer.headers['x-amz-request-id']);
  assert.ok(element('HostId'));
});

test('keys are names, whatever they look like', async () => {
  const keys = ['..', '.', '../../etc/passwd', 'a//b', 'a/./b', 'a/../b', '//', '/lead', 'end/', ' ', '+', '%2F', '?x=1', '#', '&<>"\'', '\u{1F600}', '\u0001\u001f', '\\', '~', 'e\u0301', '\u00e9'];
  const encoded = (key) => `/${encodePath(key)}`;
  const before = readdirSync(storage.dataDir).sort();
  for (const key of keys) {
    assert.equal((await raw('PUT', encoded(key), { body: Buffer.from(`${key}${'x'.repeat(20_000)}`) })).status, 200, JSON.stringify(key));
  }
  for (const key of keys) {
    const got = await raw('GET', encoded(key));
    assert.equal(String(got.body).slice(0, -20_000), key);
  }
  const list = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
  const listed = list.Contents.map(({ Key }) => decodeURIComponent(Key.replaceAll('+', ' ')));
  assert.deepEqual(listed, [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  assert.deepEqual(readdirSync(storage.dataDir).sort(), before);
  assert.ok(!existsSync(path.join(storage.dataDir, 'b')));
  for (const key of keys) assert.equal((await raw('DELETE', encoded(key))).status, 204);
  for (const bad of ['/%FF', '/a%00b', '/%ZZ', `/${'a'.repeat(1025)}`]) assert.match(codeOf(await raw('PUT', bad, { body: 'x' })), /^400 (InvalidURI|KeyTooLongError)$/);
});

test('conditions of writing and deleting', async () => {
  const Key = 'conditions';
  const put = (options) => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...options }));
  const name = async (promise) => promise.then(() => 'fine', (error) => (error.$metadata.httpStatusCode === 304 ? '304' : error.name));
  assert.equal(await name(put({ IfMatch: '"x"' })), 'NoSuchKey');
  const { ETag } = await put({ IfNoneMatch: '*' });
  assert.equal(await name(put({ IfNoneMatch: '*' })), 'PreconditionFailed');
  assert.equal(await name(put({ IfMatch: '"x"' })), 'PreconditionFailed');
  assert.equal(await name(put({ IfMatch: ETag })), 'fine');
  assert.equal(await name(s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: '"x"' }))), 'PreconditionFailed');
  assert.equal(await name(s3.send(new GetObjectCommand({ Bucket, Key, IfNoneMatch: ETag }))), '304');
  assert.equal(await name(s3.send(new HeadObjectCommand({ Bucket, Key, IfModifiedSince: new Date(Date.now() + 60_000) }))), '304');
  assert.equal(await name(s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: ETag }))), 'fine');
});

test('of writers that all want to be first, one is', async () => {
  const all = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => s3.send(new PutObjectCommand({ Bucket, Key: 'first', Body: `${i}`, IfNoneMatch: '*' }))));
  assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const { status, reason } of all) assert.ok(status === 'fulfilled' || ['PreconditionFailed', 'ConditionalRequestConflict'].includes(reason.name), reason?.stack);
});
