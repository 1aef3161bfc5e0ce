// Functions that are called with the changes of a model's table, written through the official client.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { generateClient } from 'aws-amplify/data';
import { serve, until } from './serve.mjs';

process.env.AMPD_EVENT_RETRY_MS = '100';

let server;
let client;

before(async () => {
  server = await serve('streams', { watch: true });
  Amplify.configure(server.outputs());
  client = generateClient();
});
after(() => server.end());

const batches = (name) =>
  [...server.log().matchAll(new RegExp(`\\b${name} BATCH (\\[.*\\])`, 'g'))].map(([, text]) => JSON.parse(text));
const recordsOf = (name, id) => batches(name).flat().filter((record) => id === undefined || record.dynamodb.Keys.id?.S === id);
const tries = (name) =>
  [...server.log().matchAll(new RegExp(`\\b${name} TRY (\\[.*\\])`, 'g'))].map(([, text]) => JSON.parse(text));
const done = ({ data, errors }) => {
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
};
const create = async (values) => done(await client.models.Todo.create(values));

test('the life of an item, as the table\'s stream tells it', async () => {
  const made = await create({ title: 'Ä', count: 3, price: 1.5, done: false, tags: ['a', 'b'], more: '{"x":1}' });
  done(await client.models.Todo.update({ id: made.id, title: 'B', tags: null }));
  done(await client.models.Todo.delete({ id: made.id }));
  const records = await until(() => recordsOf('all', made.id).length === 3 && recordsOf('all', made.id), 'three records');
  assert.deepEqual(records.map(({ eventName }) => eventName), ['INSERT', 'MODIFY', 'REMOVE']);
  const [insert, modify, remove] = records;

  const { eventID, eventSourceARN, dynamodb, ...head } = insert;
  assert.deepEqual(head, { eventName: 'INSERT', eventVersion: '1.1', eventSource: 'aws:dynamodb', awsRegion: 'us-east-1' });
  assert.match(eventID, /^[0-9a-f]{32}$/);
  assert.match(eventSourceARN, /^arn:aws:dynamodb:us-east-1:\d{12}:table\/Todo-\w+-NONE\/stream\/2/);
  assert.deepEqual(Object.keys(dynamodb).sort(), [
    'ApproximateCreationDateTime', 'Keys', 'NewImage', 'SequenceNumber', 'SizeBytes', 'StreamViewType',
  ]);
  assert.ok(Math.abs(dynamodb.ApproximateCreationDateTime - Date.now() / 1000) < 60);
  assert.equal(dynamodb.StreamViewType, 'NEW_AND_OLD_IMAGES');
  assert.deepEqual(dynamodb.Keys, { id: { S: made.id } });
  assert.deepEqual(dynamodb.NewImage, {
    __typename: { S: 'Todo' },
    id: { S: made.id },
    title: { S: 'Ä' },
    count: { N: '3' },
    price: { N: '1.5' },
    done: { BOOL: false },
    tags: { L: [{ S: 'a' }, { S: 'b' }] },
    more: dynamodb.NewImage.more, // a text or a map: as the table keeps it
    createdAt: { S: made.createdAt },
    updatedAt: { S: made.updatedAt },
  });

  assert.deepEqual(modify.dynamodb.OldImage, dynamodb.NewImage);
  assert.deepEqual(modify.dynamodb.NewImage.title, { S: 'B' });
  assert.equal(modify.dynamodb.NewImage.tags, undefined); // AppSync's resolvers remove what is set to null
  assert.deepEqual(remove.dynamodb.OldImage, modify.dynamodb.NewImage);
  assert.equal(remove.dynamodb.NewImage, undefined);
  const sequences = records.map((record) => record.dynamodb.SequenceNumber);
  assert.deepEqual(sequences.map((text) => /^\d{21,}$/.test(text)), [true, true, true]);
  assert.deepEqual([...sequences].sort(), sequences);
});

test('an item may be nested as deep as DynamoDB lets it, and no deeper', async () => {
  const json = (levels) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const made = await create({ title: 'deep', more: json(32) });
  for (const levels of [33, 255, 256]) {
    for (const answer of [
      await client.models.Todo.create({ title: 'too deep', more: json(levels) }),
      await client.models.Todo.update({ id: made.id, more: json(levels) }),
    ]) {
      const [error] = answer.errors;
      assert.match(error.message, /Nesting Levels have exceeded supported limits/);
      assert.match(error.errorType, /^DynamoDB:/);
    }
  }
  assert.equal(done(await client.models.Todo.get({ id: made.id })).more, json(32));
  assert.ok(done(await client.models.Todo.list()).some(({ id }) => id === made.id));
  const [record] = await until(() => recordsOf('all', made.id).length > 0 && recordsOf('all', made.id), 'the record');
  const text = JSON.stringify(record.dynamodb.NewImage.more);
  assert.equal(text.split('"L"').length - 1, 32, text);
});

test('a key of several fields', async () => {
  done(await client.models.Seat.create({ row: 'A', place: 7, guest: 'Ann' }));
  const [record] = await until(() => batches('seats').flat().length > 0 && batches('seats').flat(), 'the record');
  assert.deepEqual(record.dynamodb.Keys, { row: { S: 'A' }, place: { N: '7' } });
});

test('many changes arrive in order', async () => {
  const { id } = await create({ title: 'counted', count: 0 });
  for (let count = 1; count <= 50; count++) done(await client.models.Todo.update({ id, count }));
  const records = await until(() => recordsOf('all', id).length === 51 && recordsOf('all', id), 'all records');
  assert.deepEqual(records.map(({ dynamodb }) => Number(dynamodb.NewImage.count.N)), Array.from({ length: 51 }, (_, i) => i));
});

test('filters choose, and a batch waits until it is full or its time is over', async () => {
  for (const title of ['pick 1', 'other', 'pick 2']) await create({ title });
  await until(() => recordsOf('all').some(({ dynamodb }) => dynamodb.NewImage?.title.S === 'pick 2'), 'the other function');
  const { id } = await create({ title: 'pick 3' });
  done(await client.models.Todo.update({ id, title: 'pick 4' }));
  const titles = () => batches('picky').flat().map(({ dynamodb }) => dynamodb.NewImage.title.S);
  await until(() => titles().length >= 3, 'three records');
  assert.deepEqual(titles(), ['pick 1', 'pick 2', 'pick 3']);
});

test('a batch that fails is tried again, halved, and its bad record is given up; the rest goes on', async () => {
  await Promise.all(['stub 1', 'stub 2 bad', 'stub 3', 'stub 4'].map((title) => create({ title })));
  await until(() => tries('stubborn').some((titles) => titles.length === 1 && titles[0].includes('bad')), 'halved');
  const { stdout } = await until(async () => {
    const answer = await server.ampd('invoke', 'stubborn', '--failed');
    return JSON.parse(answer.stdout).length > 0 && answer;
  }, 'given up');
  const [{ record }] = JSON.parse(stdout);
  assert.equal(record.requestContext.condition, 'RetryAttemptsExhausted');
  assert.equal(record.DDBStreamBatchInfo.batchSize, 1);
  assert.equal(tries('stubborn').filter((titles) => titles.length === 1 && titles[0].includes('bad')).length, 3);
  await create({ title: 'stub 5' });
  const wanted = ['stub 1', 'stub 3', 'stub 4', 'stub 5'];
  await until(() => wanted.every((title) => tries('stubborn').some((titles) => titles.includes(title) && !titles.some((t) => t.includes('bad')))), 'the others');
});

test('a function tells which records it could not deal with: the batch begins anew with the first of them', async () => {
  for (const title of ['part 1', 'part 2', 'part 3 again', 'part 4']) await create({ title });
  const all = () => tries('partly').flat();
  const count = (title) => all().filter((one) => one === title).length;
  // How many of them the first batch has is a matter of time.
  await until(() => count('part 3 again') === 2 && all().lastIndexOf('part 4') > all().lastIndexOf('part 3 again'), 'the second try');
  assert.deepEqual([count('part 1'), count('part 2')], [1, 1]);
});

// Not every Node has SQLite of its own; but what is short lies in the files of the database as it is.
test('a table that no function wants to hear of is not recorded', async () => {
  done(await client.models.Quiet.create({ title: 'quiet' }));
  await create({ title: 'told' });
  const files = ['data.db', 'data.db-wal'].map((name) => readFileSync(`${server.dataDir}/${name}`, 'latin1'));
  const recorded = new Set(files.flatMap((text) => [...text.matchAll(/\{"table":"(\w+)[^"]*","sequence":\d+/g)].map(([, name]) => name)));
  assert.ok(files.some((text) => text.includes('"quiet"')), 'the item itself');
  assert.ok(recorded.has('Todo'), [...recorded].join());
  assert.equal(recorded.has('Quiet'), false);
});

test('a source that goes away during a call, and comes back, begins anew', async () => {
  const file = path.join(server.project, 'amplify/backend.ts');
  const release = path.join(server.folder, 'release');
  const source = readFileSync(file, 'utf8');
  const positions = async () => (await server.sql('select item from "_func.streams"')).trim().split('\n').length;
  const before = await positions();
  await create({ title: `wait 1 ${release}` });
  await until(() => server.log().includes('patient BATCH ["wait 1'), 'the call');
  writeFileSync(file, source.slice(0, source.indexOf("\nlambdaOf('patient')")));
  await until(async () => (await positions()) === before - 1, 'other definitions', 60_000);
  await create({ title: 'wait 2' });
  writeFileSync(file, source);
  await until(async () => (await positions()) === before, 'the former definitions', 60_000);
  writeFileSync(release, '');
  await until(() => server.log().includes('patient DONE ["wait 1'), 'its end');
  await until(async () => {
    await create({ title: 'wait 3' });
    return server.log().includes('patient BATCH ["wait 3');
  }, 'what comes then');
  assert.doesNotMatch(server.log(), /patient BATCH \[.*"wait 2"/);
});
