// Events: calls that nobody waits for, through Lambda's API and from buckets, with the official clients.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  CompleteMultipartUploadCommand, CopyObjectCommand, CreateMultipartUploadCommand, DeleteObjectCommand, PutObjectCommand, S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { AMPD, serve, until } from './serve.mjs';

process.env.AMPD_EVENT_RETRY_MS = '200';
process.env.TRIES = mkdtempSync(path.join(tmpdir(), 'ampd-tries-')); // where handlers count
process.on('exit', () => rmSync(process.env.TRIES, { recursive: true, force: true }));

let server;
let lambda;
let s3;

before(async () => {
  server = await serve('events');
  const credentials = await server.key();
  const options = { region: 'us-east-1', endpoint: server.origin, credentials, maxAttempts: 1 };
  lambda = new LambdaClient(options);
  s3 = new S3Client({ ...options, forcePathStyle: true });
});
after(() => { if (process.env.SHOW) console.error(server.log()); return server.end(); });

const send = async (FunctionName, event, options = {}) =>
  lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), InvocationType: 'Event', ...options }));

/** What handlers have logged behind `word`, as JSON. */
const logged = (word) =>
  [...server.log().matchAll(new RegExp(`\\b${word} (\\{.*\\})`, 'g'))].map(([, text]) => JSON.parse(text));
const tries = (id) => logged('TRY').filter((entry) => entry.id === id);
const failed = async (name) => JSON.parse((await server.ampd('invoke', name, '--failed')).stdout);

/** Another value, which puts all definitions in force anew. */
const setSecret = (name, value) => {
  const done = promisify(execFile)(AMPD, ['sandbox', 'secret', 'set', name, '--data-dir', server.dataDir]);
  done.child.stdin.end(`${value}\n`);
  return done;
};

test('an event is answered at once and delivered once', async () => {
  const { StatusCode, Payload, $metadata } = await send('flaky', { id: 'fine', fails: 0 });
  assert.equal(StatusCode, 202);
  assert.equal(Payload?.length ?? 0, 0);
  await until(() => tries('fine').length > 0, 'the event');
  assert.deepEqual(tries('fine'), [{ id: 'fine', count: 1, request: $metadata.requestId }]);
});

test('a function that fails is tried again, with the same request id, and then left alone', async () => {
  const { $metadata } = await send('flaky', { id: 'twice', fails: 2 });
  await until(() => tries('twice').length === 3, 'three tries');
  assert.deepEqual(tries('twice').map(({ request }) => request), Array(3).fill($metadata.requestId));
  assert.deepEqual((await failed('flaky')).filter(({ record }) => record.requestPayload.id === 'twice'), []);
});

test('what fails three times is given up, and what became of it is kept', async () => {
  const { $metadata } = await send('flaky', { id: 'never', fails: 99 });
  const find = async () => (await failed('flaky')).find(({ record }) => record.requestPayload.id === 'never');
  const { record, ...rest } = await until(find, 'the record');
  assert.deepEqual(rest, { function: 'flaky' });
  assert.equal(tries('never').length, 3);
  assert.match(record.timestamp, /^\d{4}-\d\d-\d\dT/);
  assert.match(record.requestContext.functionArn, /:function:flaky(:\$LATEST)?$/);
  const { errorType, errorMessage } = record.responsePayload;
  assert.deepEqual([errorType, errorMessage], ['TypeError', 'try 3 of never']);
  assert.deepEqual(record.requestPayload, { id: 'never', fails: 99 });
  assert.deepEqual(record.responseContext, { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' });
  const { requestId, condition, approximateInvokeCount } = record.requestContext;
  assert.deepEqual([requestId, condition, approximateInvokeCount], [$metadata.requestId, 'RetriesExhausted', 3]);
});

test('destinations are told what became of an event', async () => {
  const heard = (id) => logged('HEARD').find(({ requestPayload }) => requestPayload.id === id);
  const { $metadata } = await send('once', { id: 'good', fails: 0 });
  const { timestamp, requestContext, ...rest } = await until(() => heard('good'), 'the good news');
  assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
  assert.match(requestContext.functionArn, /:function:once$/);
  assert.deepEqual({ ...requestContext, functionArn: '' }, {
    requestId: $metadata.requestId, functionArn: '', condition: 'Success', approximateInvokeCount: 1,
  });
  assert.deepEqual(rest, {
    version: '1.0',
    requestPayload: { id: 'good', fails: 0 },
    responseContext: { statusCode: 200, executedVersion: '$LATEST' },
    responsePayload: { count: 1 },
  });
  await send('once', { id: 'bad', fails: 1 });
  const failure = await until(() => heard('bad'), 'the bad news');
  assert.deepEqual([failure.requestContext.condition, failure.requestContext.approximateInvokeCount], ['RetriesExhausted', 1]);
  assert.equal(failure.responseContext.functionError, 'Unhandled');
  assert.equal(failure.responsePayload.errorMessage, 'try 1 of bad');
});

test('of large failures, too, no more than a hundred of a function are kept for long', async () => {
  const kept = async () =>
    Number(await server.sql('select count(*) from "_func.failed" where item like \'%"function":"flaky"%\''));
  const ids = Array.from({ length: 125 }, (_, i) => `pile ${i}`);
  await Promise.all(ids.map((id) => send('flaky', { id, fails: 99, more: 'x'.repeat(100_000) })));
  await until(() => [...server.log().matchAll(/flaky: the event \S+ is given up/g)].length >= ids.length, 'the last failure');
  await until(async () => (await kept()) < 110, 'room');
  assert.ok((await kept()) >= 100);
});

test('an answer that is no JSON and too long for a record is left out of it', async () => {
  const heard = (id) => logged('HEARD').find(({ requestContext }) => requestContext.requestId === id);
  for (const [bytes, payload] of [[100, '\x01'.repeat(100)], [1024 * 1024, null], [3_500_000, null]]) {
    const { $metadata } = await send('raw', { bytes });
    const { responsePayload, requestContext } = await until(() => heard($metadata.requestId), `news of ${bytes} bytes`);
    assert.deepEqual([requestContext.condition, responsePayload], ['Success', payload]);
  }
});

test('a process that ends in the middle is a failure of the function', async () => {
  await send('gone', {});
  const [{ record }] = await until(async () => {
    const list = await failed('gone');
    return list.length > 0 && list;
  }, 'the record');
  assert.equal(record.requestContext.approximateInvokeCount, 3);
  assert.equal(record.responsePayload.errorType, 'Runtime.ExitError');
});

test('an event as deep as JSON may be does not keep the others from being told of', async () => {
  const before = (await failed('gone')).length;
  for (const levels of [256, 250, 20]) {
    const Payload = `${'['.repeat(levels)}${']'.repeat(levels)}`;
    await lambda.send(new InvokeCommand({ FunctionName: 'gone', Payload, InvocationType: 'Event' }));
  }
  const list = await until(async () => {
    const records = await failed('gone');
    return records.length === before + 3 && records.map(({ record }) => record);
  }, 'the records');
  const parsed = list.map((record) => (typeof record === 'string' ? JSON.parse(record) : record));
  const payloads = parsed.map(({ requestPayload }) => JSON.stringify(requestPayload));
  for (const levels of [256, 250, 20]) assert.ok(payloads.includes(`${'['.repeat(levels)}${']'.repeat(levels)}`), `${levels}`);
});

test('a long payload arrives whole; a longer one than a MiB is refused', async () => {
  const id = 'ü'.repeat(500 * 1024);
  await send('flaky', { id: `long ${id}`, fails: 0 });
  await until(() => server.log().includes('TRY {"id":"long '), 'the event');
  await assert.rejects(send('flaky', { id: 'x'.repeat(1024 * 1024), fails: 0 }), (error) => {
    assert.equal(error.name, 'RequestEntityTooLargeException');
    assert.equal(error.$metadata.httpStatusCode, 413);
    return /1048\d{3} byte payload is too large for the Event invocation type \(limit 1048576 bytes\)/.test(error.message);
  });
});

test('events of one function run beside each other', async () => {
  for (const id of ['a', 'b', 'c']) await send('slow', { id, ms: 1500 });
  await until(() => server.log().includes('BEGIN c'), 'the third begins');
  assert.ok(!server.log().includes('DONE a'), 'while the first is at work');
  await until(() => ['a', 'b', 'c'].every((id) => server.log().includes(`DONE ${id}`)), 'all end');
});

// ---- buckets ---------------------------------------------------------------------------------------------------------

const Bucket = 'amplify.files';
const records = (key) => logged('RECORD').filter((record) => record.s3.object.key === key);
const next = (key, count) => until(() => records(key).length >= count && records(key)[count - 1], `event ${count} of ${key}`);

test('an upload and its removal call the trigger', async () => {
  const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'in/a file ü+.txt', Body: 'hello' }));
  const key = 'in/a+file+%C3%BC%2B.txt';
  const put = await next(key, 1);
  assert.deepEqual(
    [put.eventVersion, put.eventSource, put.awsRegion, put.eventName],
    ['2.1', 'aws:s3', 'us-east-1', 'ObjectCreated:Put'],
  );
  assert.ok(Math.abs(Date.parse(put.eventTime) - Date.now()) < 60_000, put.eventTime);
  assert.equal(put.requestParameters.sourceIPAddress, '127.0.0.1');
  assert.ok(put.responseElements['x-amz-request-id'] && put.userIdentity.principalId);
  const { bucket, object, s3SchemaVersion } = put.s3;
  assert.deepEqual([s3SchemaVersion, bucket.name, bucket.arn], ['1.0', Bucket, `arn:aws:s3:::${Bucket}`]);
  assert.deepEqual([object.size, `"${object.eTag}"`, 'versionId' in object], [5, ETag, false]);

  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'in/a file ü+.txt' }));
  const removed = await next(key, 2);
  assert.equal(removed.eventName, 'ObjectRemoved:Delete');
  assert.deepEqual(['size' in removed.s3.object, 'eTag' in removed.s3.object], [false, false]);
  assert.ok(removed.s3.object.sequencer > object.sequencer);
});

test('copies and uploads in parts have names of their own', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'in/from', Body: 'x' }));
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'in/to', CopySource: `${Bucket}/in/from` }));
  assert.equal((await next('in/to', 1)).eventName, 'ObjectCreated:Copy');
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'in/parts' }));
  const part = await s3.send(new UploadPartCommand({ Bucket, Key: 'in/parts', UploadId, PartNumber: 1, Body: 'part' }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'in/parts', UploadId, MultipartUpload }));
  assert.equal((await next('in/parts', 1)).eventName, 'ObjectCreated:CompleteMultipartUpload');
});

test('events of one key arrive in order', async () => {
  const sizes = Array.from({ length: 20 }, (_, i) => i + 1);
  for (const size of sizes) await s3.send(new PutObjectCommand({ Bucket, Key: 'in/often', Body: 'x'.repeat(size) }));
  await next('in/often', sizes.length);
  assert.deepEqual(records('in/often').map((record) => record.s3.object.size), sizes);
});

test('a function that writes into its own trigger\'s bucket is stopped after sixteen rounds', async () => {
  await s3.send(new PutObjectCommand({ Bucket: 'amplify.circle', Key: 'round/1', Body: '1' }));
  await until(() => /it goes no further/.test(server.log()), 'the end of the circle');
  const rounds = [...server.log().matchAll(/ROUND (\d+) /g)].map(([, count]) => Number(count));
  assert.deepEqual(rounds, Array.from({ length: 16 }, (_, i) => i + 1));
  assert.match(server.log(), /REFUSED AccessDenied/); // it has the rights of allow.resource, and no others
});

test('an upload waits for a trigger that does not bundle', async (t) => {
  const own = await serve('events', { watch: true });
  t.after(() => own.end());
  const client = new S3Client({ region: 'us-east-1', endpoint: own.origin, credentials: await own.key(), maxAttempts: 1, forcePathStyle: true });
  const file = path.join(own.project, 'amplify/storage/told.ts');
  const good = readFileSync(file, 'utf8');
  writeFileSync(file, `${good}\nconst half = (`);
  await until(() => /can not be run/.test(own.log()), 'the error', 60_000);
  await client.send(new PutObjectCommand({ Bucket, Key: 'in/meanwhile', Body: 'x' }));
  writeFileSync(file, good);
  await until(() => own.log().includes('in/meanwhile'), 'the event', 60_000);
});

test('what is queued while other definitions come into force is delivered too', async () => {
  const keys = [];
  let isOver = false;
  const sender = async (_, number) => {
    for (let i = 0; !isOver; i++) {
      await s3.send(new PutObjectCommand({ Bucket, Key: `in/among/${number}/${i}`, Body: 'x' }));
      keys.push(`in/among/${number}/${i}`);
    }
  };
  const senders = Promise.all(Array.from({ length: 8 }, sender));
  try {
    for (let i = 0; i < 6; i++) await setSecret('UNUSED', String(i));
  } finally {
    isOver = true;
  }
  await senders;
  await until(() => {
    const delivered = new Set(logged('RECORD').map(({ s3: { object } }) => object.key));
    return keys.every((key) => delivered.has(key));
  }, `${keys.length} events`);
});

test('a client context that is no text is refused, and nothing is in the way of others', async () => {
  const context = (bytes) => Buffer.from(bytes, 'latin1').toString('base64');
  for (const InvocationType of ['Event', 'RequestResponse']) {
    const refused = send('flaky', { id: 'context', fails: 0 }, { InvocationType, ClientContext: context('{"a":"\xff\xfe"}') });
    await assert.rejects(refused, { name: 'InvalidRequestContentException', message: /UTF-8/ });
  }
  await send('flaky', { id: 'context-fine', fails: 0 }, { ClientContext: context('{"custom":{}}') });
  await until(() => tries('context-fine').length === 1, 'the event');
  assert.equal(tries('context').length, 0);
  assert.doesNotMatch(server.log(), /is not UTF-8/);
});

test('a trace header that is no text, with an event and with an upload, does not stop them', async () => {
  const traced = (client) => {
    client.middlewareStack.add(
      (next) => (args) => {
        args.request.headers['x-amzn-trace-id'] = 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=\xff:1';
        if (args.request.body !== undefined) args.request.body = Buffer.from(args.request.body); // headers as they are, not with a text behind
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    return client;
  };
  const options = { region: 'us-east-1', endpoint: server.origin, credentials: await server.key(), maxAttempts: 1 };
  await traced(new LambdaClient(options)).send(
    new InvokeCommand({ FunctionName: 'flaky', Payload: JSON.stringify({ id: 'traced', fails: 0 }), InvocationType: 'Event' }),
  );
  await until(() => tries('traced').length === 1, 'the event');
  const Bucket = server.outputs().storage.bucket_name;
  await traced(new S3Client({ ...options, forcePathStyle: true })).send(new PutObjectCommand({ Bucket, Key: 'traced', Body: 'x' }));
  await until(() => /"key":"traced"/.test(server.log()), 'the event of the upload');
  assert.doesNotMatch(server.log(), /is not UTF-8/);
});

test('what waits over a restart is not held in memory', async () => {
  const pad = 'x'.repeat(500_000);
  for (let i = 0; i < 300; i++) await send('slow', { id: 'waits', ms: 60_000, pad });
  await server.end({ keep: true });
  server = await serve('events', { folder: server.folder });
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]) / 1024;
  await until(() => /BEGIN waits/.test(server.log()), 'the first of them');
  assert.ok(resident < 110, `${resident} MiB`);
});
