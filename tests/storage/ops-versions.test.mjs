// Buckets that keep versions: `versioned: true` in the definitions, or asked for.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand, DeleteObjectCommand, DeleteObjectsCommand, GetBucketVersioningCommand, GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand,
  ListObjectsV2Command, ListObjectVersionsCommand, PutBucketVersioningCommand, PutObjectCommand, PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { refused, startStorage } from './lib.mjs';

let storage;
let s3;
let Bucket; // versioned by its definition
let files; // not
before(async () => {
  storage = await startStorage('files');
  s3 = await storage.s3();
  Bucket = storage.bucket('archive');
  files = storage.bucket('files');
});
after(() => storage.end());

const put = async (Key, Body, bucket = Bucket, options = {}) => (await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...options }))).VersionId;
const text = async (Key, VersionId, bucket = Bucket) => (await s3.send(new GetObjectCommand({ Bucket: bucket, Key, VersionId }))).Body.transformToString();
const remove = (Key, VersionId, bucket = Bucket) => s3.send(new DeleteObjectCommand({ Bucket: bucket, Key, VersionId }));
const versions = async (Prefix, bucket = Bucket, options = {}) => s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix, ...options }));
const ids = ({ Versions = [] }) => Versions.map(({ VersionId }) => VersionId);

test('versions of a key', async () => {
  const Key = 'v/one';
  assert.equal((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status, 'Enabled');
  const made = [await put(Key, 'first'), await put(Key, 'x'.repeat(50_000)), await put(Key, 'third')];
  assert.equal(new Set(made).size, 3);
  assert.equal(await text(Key), 'third');
  assert.equal(await text(Key, made[0]), 'first');
  assert.equal((await text(Key, made[1])).length, 50_000);
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key, VersionId: made[1] }));
  assert.deepEqual([head.ContentLength, head.VersionId], [50_000, made[1]]);
  const list = await versions(Key);
  assert.deepEqual(ids(list), [...made].reverse());
  assert.deepEqual(list.Versions.map(({ IsLatest, Size }) => [IsLatest, Size]), [[true, 5], [false, 50_000], [false, 5]]);
  await refused(text(Key, made[0].replace(/.$/, '0')), 'NoSuchVersion');
  await refused(text(Key, 'nonsense'), 'InvalidArgument', 'Invalid version id specified');
  await refused(text(Key, 'null'), 'NoSuchVersion');
});

test('delete markers', async () => {
  const Key = 'v/marker';
  const first = await put(Key, 'first');
  const gone = await remove(Key);
  assert.equal(gone.DeleteMarker, true);
  await assert.rejects(text(Key), (error) => {
    assert.deepEqual([error.name, error.$response.headers['x-amz-delete-marker'], error.$response.headers['x-amz-version-id']], ['NoSuchKey', 'true', gone.VersionId]);
    return true;
  });
  await refused(text(Key, gone.VersionId), 'MethodNotAllowed');
  assert.equal(await text(Key, first), 'first');
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket, Prefix: Key }))).KeyCount, 0);
  const list = await versions(Key);
  assert.deepEqual([ids(list), list.DeleteMarkers.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])], [[first], [[gone.VersionId, true]]]);
  assert.equal((await remove(Key, gone.VersionId)).DeleteMarker, true);
  assert.equal(await text(Key), 'first');
  await remove(Key, first);
  assert.deepEqual(ids(await versions(Key)), []);
  await remove(Key, first); // of what is gone: no error
  const nothing = await remove('v/never');
  assert.equal(nothing.DeleteMarker, true);
});

test('removing the newest brings back the one before', async () => {
  const Key = 'v/back';
  const made = [await put(Key, 'a'), await put(Key, 'b'), await put(Key, 'c')];
  await remove(Key, made[2]);
  assert.equal(await text(Key), 'b');
  await remove(Key, made[0]);
  assert.deepEqual(ids(await versions(Key)), [made[1]]);
  const again = await put(Key, 'd');
  assert.deepEqual(ids(await versions(Key)), [again, made[1]]);
});

test('several at once, with versions', async () => {
  const made = { a: await put('many/a', '1'), b: await put('many/b', '1') };
  await put('many/a', '2');
  const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({
    Bucket, Delete: { Objects: [{ Key: 'many/a', VersionId: made.a }, { Key: 'many/b' }, { Key: 'many/c', VersionId: 'bad' }] },
  }));
  assert.deepEqual(Deleted.map(({ Key, VersionId, DeleteMarker }) => [Key, VersionId, DeleteMarker]), [['many/a', made.a, undefined], ['many/b', undefined, true]]);
  assert.ok(Deleted[1].DeleteMarkerVersionId);
  assert.deepEqual(Errors.map(({ Key, Code }) => [Key, Code]), [['many/c', 'InvalidArgument']]);
  assert.equal(await text('many/a'), '2');
});

test('copies and tags of versions', async () => {
  const first = await put('v/tags', 'one', Bucket, { Tagging: 'n=1' });
  await put('v/tags', 'two');
  const tags = async (VersionId) => (await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'v/tags', VersionId }))).TagSet;
  assert.deepEqual([await tags(first), await tags()], [[{ Key: 'n', Value: '1' }], []]);
  await s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'v/tags', VersionId: first, Tagging: { TagSet: [{ Key: 'm', Value: '2' }] } }));
  assert.deepEqual([await tags(first), await tags()], [[{ Key: 'm', Value: '2' }], []]);
  const copy = await s3.send(new CopyObjectCommand({ Bucket, Key: 'v/copied', CopySource: `${Bucket}/v/tags?versionId=${first}` }));
  assert.deepEqual([copy.CopySourceVersionId, await text('v/copied')], [first, 'one']);
  await refused(s3.send(new CopyObjectCommand({ Bucket, Key: 'v/copied', CopySource: `${Bucket}/v/tags?versionId=nope` })), 'InvalidArgument');
});

test('lists in pages, with delimiter', async () => {
  const expected = [];
  for (const key of ['p/a', 'p/b/1', 'p/b/2', 'p/c']) {
    const made = [await put(key, '1'), await put(key, '2'), (await remove(key)).VersionId];
    expected.push(...[...made].reverse().map((id) => `${key} ${id}`));
  }
  for (const MaxKeys of [1, 2, 5, 100]) {
    const seen = [];
    let KeyMarker, VersionIdMarker;
    do {
      const page = await versions('p/', Bucket, { MaxKeys, KeyMarker, VersionIdMarker });
      const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      assert.ok(all.length <= MaxKeys);
      seen.push(...all.map(({ Key, VersionId }) => `${Key} ${VersionId}`));
      ({ NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page);
    } while (KeyMarker !== undefined);
    assert.deepEqual([...seen].sort(), [...expected].sort(), `${MaxKeys} a page`);
  }
  const seen = [];
  let KeyMarker, VersionIdMarker;
  do {
    const page = await versions('p/', Bucket, { Delimiter: '/', MaxKeys: 2, KeyMarker, VersionIdMarker });
    seen.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix), ...(page.Versions ?? []).map(({ Key }) => Key), ...(page.DeleteMarkers ?? []).map(({ Key }) => Key));
    ({ NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page);
  } while (KeyMarker !== undefined);
  assert.deepEqual([...seen].sort(), ['p/a', 'p/a', 'p/a', 'p/b/', 'p/c', 'p/c', 'p/c']);
});

test('switched on, suspended, switched on again', async () => {
  const Key = 'v/states';
  const set = (Status) => s3.send(new PutBucketVersioningCommand({ Bucket: files, VersioningConfiguration: { Status } }));
  assert.equal((await s3.send(new GetBucketVersioningCommand({ Bucket: files }))).Status, undefined);
  assert.equal(await put(Key, 'plain', files), undefined);
  assert.equal(await text(Key, 'null', files), 'plain');
  await set('Enabled');
  const first = await put(Key, 'first', files);
  assert.deepEqual(ids(await versions(Key, files)), [first, 'null']);
  await set('Suspended');
  assert.equal(await put(Key, 'replaces the null version', files), 'null');
  assert.deepEqual(ids(await versions(Key, files)), ['null', first]);
  assert.equal(await text(Key, 'null', files), 'replaces the null version');
  assert.equal((await remove(Key, undefined, files)).DeleteMarker, true); // a null marker in its place
  const list = await versions(Key, files);
  assert.deepEqual([ids(list), list.DeleteMarkers.map(({ VersionId }) => VersionId)], [[first], ['null']]);
  await put(Key, 'null again', files);
  await set('Enabled');
  const second = await put(Key, 'second', files);
  assert.deepEqual(ids(await versions(Key, files)), [second, 'null', first]);
  storage = await storage.restart();
  s3 = await storage.s3();
  assert.equal((await s3.send(new GetBucketVersioningCommand({ Bucket: files }))).Status, 'Enabled');
  assert.equal(await text(Key, 'null', files), 'null again');
  await remove(Key, 'null', files);
  assert.deepEqual(ids(await versions(Key, files)), [second, first]);
});

test('many writers of one key lose nothing', async () => {
  const Key = 'v/race';
  const bodies = Array.from({ length: 12 }, (_, i) => `${i} ${randomBytes(8).toString('hex')}`);
  const made = await Promise.all(bodies.map((body) => put(Key, body)));
  assert.deepEqual(ids(await versions(Key)).sort(), [...made].sort());
  for (const [i, body] of bodies.entries()) assert.equal(await text(Key, made[i]), body);
});
