// Lists of many keys that are rolled up: all of them, in order, and without the memory of all that is passed over.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ListMultipartUploadsCommand, ListObjectsCommand, ListObjectsV2Command, ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { refused, startStorage } from './lib.mjs';

const FOLDERS = 1050; // more than a list has room for
const folders = Array.from({ length: FOLDERS }, (_, i) => `f${String(i).padStart(4, '0')}/`);
let storage;
let s3;
let Bucket;
before(async () => {
  storage = await startStorage('files');
  s3 = await storage.s3();
  Bucket = storage.bucket('files');
  const keys = folders.flatMap((folder) => [`${folder}1`, `${folder}2`]).concat(Array.from({ length: 1500 }, (_, i) => `large/${i}`), 'last');
  const Metadata = { note: 'n'.repeat(1000) };
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (keys.length > 0) await s3.send(new PutObjectCommand({ Bucket, Key: keys.pop(), Body: 'x', Metadata }));
  }));
});
after(() => storage?.end());

/** How much memory it has had at most, since it was asked to forget that. */
const forget = () => writeFileSync(`/proc/${storage.child.pid}/clear_refs`, '5');
const memory = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${storage.child.pid}/status`, 'utf8'))[1]) / 1024;

/** The answers of all pages. */
async function pages(ask) {
  const all = [];
  for (let page = await ask(undefined); page !== undefined; page = page.IsTruncated ? await ask(page) : undefined) all.push(page);
  return all;
}

for (const [name, ask] of [
  ['objects', (MaxKeys) => (last) =>
    s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/', MaxKeys, ContinuationToken: last?.NextContinuationToken }))],
  ['versions', (MaxKeys) => (last) =>
    s3.send(new ListObjectVersionsCommand({ Bucket, Delimiter: '/', MaxKeys, KeyMarker: last?.NextKeyMarker, VersionIdMarker: last?.NextVersionIdMarker }))],
]) {
  for (const MaxKeys of [1000, 97]) {
    test(`${name} by folders, ${MaxKeys} a page`, async () => {
      forget();
      const before = memory();
      const all = await pages(ask(MaxKeys));
      const grown = memory() - before;
      assert.deepEqual(all.flatMap(({ CommonPrefixes = [] }) => CommonPrefixes.map(({ Prefix }) => Prefix)), [...folders, 'large/']);
      assert.deepEqual(all.flatMap(({ Contents, Versions }) => (Contents ?? Versions ?? []).map(({ Key }) => Key)), ['last']);
      assert.ok(grown < 100, `${grown} MiB`);
    });
  }
}

test('prefixes and markers that no key can have', async () => {
  const long = 'a'.repeat(1025);
  const ContinuationToken = Buffer.from(long).toString('base64url');
  for (const [Command, ...inputs] of [
    [ListObjectsV2Command, { Prefix: long }, { StartAfter: long }, { ContinuationToken }, { Delimiter: long }],
    [ListObjectsCommand, { Prefix: long }, { Marker: long }],
    [ListObjectVersionsCommand, { Prefix: long }, { KeyMarker: long }],
    [ListMultipartUploadsCommand, { Prefix: long }, { KeyMarker: long }],
  ]) {
    for (const input of inputs) await refused(s3.send(new Command({ Bucket, ...input })), 'KeyTooLongError');
    await refused(s3.send(new Command({ Bucket, Prefix: 'a\0b' })), 'InvalidURI');
    await s3.send(new Command({ Bucket, Prefix: long.slice(1) }));
  }
});
