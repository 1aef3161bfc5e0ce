// Who reads an object in parts reads it to its end, whatever happens to it meanwhile.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CopyObjectCommand, CreateMultipartUploadCommand, DeleteObjectCommand, GetObjectCommand,
  PutObjectCommand, UploadPartCommand, UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { startStorage } from './lib.mjs';
import { signHeader } from './sigv4.mjs';

const MIB = 1024 * 1024;
let storage;
let s3;
let key;
let Bucket;
const open = async () => {
  s3 = await storage.s3();
  key = await storage.key();
  Bucket = storage.bucket('files');
};
before(async () => {
  storage = await startStorage('files');
  await open();
});
after(() => storage.end());

async function until(holds, ms = 20_000) {
  for (const deadline = Date.now() + ms; !(await holds()); await sleep(5)) {
    if (Date.now() > deadline) throw new Error(`it is not so after ${ms} ms: ${holds}`);
  }
}

async function upload(Key, parts) {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const done = [];
  for (const [i, Body] of parts.entries()) {
    const { ETag, ChecksumCRC32 } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: i + 1, Body }));
    done.push({ PartNumber: i + 1, ETag, ChecksumCRC32 });
  }
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: done } }));
}
const three = (size = 10 * MIB) => [randomBytes(size), randomBytes(size), randomBytes(size)];

/** Begins to read, on a connection of its own, and waits for rest(). */
function begin(Key, range) {
  const headers = { host: `s3.localhost:${storage.port}`, ...(range && { range }) };
  const request = signHeader({ method: 'GET', path: `/${Bucket}/${Key}`, headers }, key);
  return new Promise((resolve, reject) => {
    const sent = http.get({ host: '127.0.0.1', port: storage.port, path: request.path, headers: request.headers, setHost: false, agent: false });
    sent.on('error', reject);
    sent.on('response', (response) => {
      response.once('readable', () => {
        const pieces = [response.read()];
        resolve({
          rest: async () => {
            for await (const piece of response) pieces.push(piece);
            return Buffer.concat(pieces);
          },
          leave: () => response.destroy(),
        });
      });
    });
  });
}

const small = (Key) => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'new' }));
const remove = (Key) => s3.send(new DeleteObjectCommand({ Bucket, Key }));

for (const [what, change] of [['replaced', small], ['deleted', remove], ['replaced by parts', (Key) => upload(Key, [randomBytes(5 * MIB), randomBytes(MIB)])]]) {
  test(`${what} while slow readers are at it`, async () => {
    const parts = three();
    const whole = Buffer.concat(parts);
    await upload('big', parts);
    assert.equal(storage.blobCount(), 3);
    const readers = await Promise.all([begin('big'), begin('big'), begin('big', `bytes=${9 * MIB}-`), begin('big')]);
    await change('big');
    assert.ok(storage.blobCount() >= 3, 'the parts are there as long as somebody reads');
    readers[3].leave();
    const [one, two, range] = await Promise.all(readers.slice(0, 3).map((reader) => reader.rest()));
    assert.ok(whole.equals(one) && whole.equals(two) && whole.subarray(9 * MIB).equals(range));
    const left = what === 'replaced by parts' ? 2 : 0;
    await until(() => storage.blobCount() === left);
    await remove('big');
    assert.equal(storage.blobCount(), 0, 'without readers they are gone with the answer');
  });
}

test('many readers while the object changes all the time: each sees one version, whole', async () => {
  const versions = [];
  let stop = false;
  const put = async () => {
    const parts = [Buffer.alloc(5 * MIB, versions.length), Buffer.alloc(5 * MIB, versions.length), Buffer.alloc(100_000, versions.length)];
    versions.push(Buffer.concat(parts));
    await upload('busy', parts);
  };
  await put();
  const reader = async () => {
    let seen = 0;
    for (; !stop; seen++) {
      const got = Buffer.from(await (await s3.send(new GetObjectCommand({ Bucket, Key: 'busy' }))).Body.transformToByteArray());
      assert.ok(versions[got[0]].equals(got), `version ${got[0]}`);
    }
    return seen;
  };
  const readers = Array.from({ length: 3 }, reader);
  for (let i = 0; i < 8; i++) await put();
  stop = true;
  const seen = await Promise.all(readers);
  assert.ok(seen.every((count) => count > 0), String(seen));
  await remove('busy');
  await until(() => storage.blobCount() === 0);
});

test('a copy and a part that is a copy go on as well', async () => {
  const parts = three();
  await upload('source', parts);
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'target' }));
  const CopySource = `${Bucket}/source`;
  const copies = [
    s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource })),
    s3.send(new UploadPartCopyCommand({ Bucket, Key: 'target', UploadId, PartNumber: 1, CopySource })),
  ];
  await until(() => storage.blobCount() >= 3);
  await remove('source');
  const settled = await Promise.allSettled(copies);
  // One that came too late finds no object; none is cut.
  for (const { status, reason } of settled) assert.ok(status === 'fulfilled' || reason.name === 'NoSuchKey', reason?.stack);
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'target', UploadId }));
  await remove('copy');
  await until(() => storage.blobCount() === 0);
});

test('more parts than a page of rows holds go as well', async () => {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'many' }));
  const COUNT = 1100;
  let next = 1;
  const worker = async () => {
    for (let PartNumber = next++; PartNumber <= COUNT; PartNumber = next++) {
      await s3.send(new UploadPartCommand({ Bucket, Key: 'many', UploadId, PartNumber, Body: Buffer.alloc(17_000, PartNumber) }));
    }
  };
  await Promise.all(Array.from({ length: 24 }, worker));
  assert.equal(storage.blobCount(), COUNT);
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'many', UploadId }));
  assert.equal(storage.blobCount(), 0);
});

test('kill -9 with readers: what was put off is removed at the next start', async () => {
  await upload('big', three());
  const reader = await begin('big');
  const cut = assert.rejects(reader.rest());
  await remove('big');
  assert.equal(storage.blobCount(), 3);
  await storage.kill();
  await cut;
  const { stdout } = await storage.ampd('fsck', '--data');
  assert.match(stdout, /^0 objects, 0 files, 0 bytes read: 0 problems\n$/);
  storage = await storage.again();
  await open();
  assert.equal(storage.blobCount(), 0);
});
