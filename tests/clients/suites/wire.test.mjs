// What goes over the wire: client.graphql, the forms of errors, credentials, CORS.
// project: chat
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Amplify, apiKey, client, endpoint, fails, generateClient, ok, outputs, post } from '../lib/client.mjs';

const { Room, Message } = client.models;
// client.graphql throws {data, errors}.
const thrown = (options) => client.graphql(options).then((result) => assert.fail(JSON.stringify(result)), (reason) => reason);

describe('client.graphql', () => {
  test('runs a document with variables', async () => {
    const query = 'mutation Make($input: CreateRoomInput!) { made: createRoom(input: $input) { id label: name __typename } }';
    const { data } = await client.graphql({ query, variables: { input: { name: 'Hall' } } });
    assert.equal(data.made.label, 'Hall');
    assert.equal(data.made.__typename, 'Room');
  });

  test('several fields: a partial failure keeps the rest', async () => {
    const { id } = await ok(Room.create({ name: 'Once' }));
    const { data, errors } = await thrown({
      query: `mutation { a: createRoom(input: {id: "${id}", name: "Again"}) { id } b: createRoom(input: {name: "New"}) { name } }`,
    });
    assert.equal(data.a, null);
    assert.deepEqual(data.b, { name: 'New' });
    assert.equal(errors.length, 1);
    assert.deepEqual(errors[0].path, ['a']);
    assert.equal(errors[0].errorType, 'DynamoDB:ConditionalCheckFailedException');
    assert.deepEqual(Object.keys(errors[0]), ['path', 'data', 'errorType', 'errorInfo', 'locations', 'message']);
  });

  test('a condition that does not hold changes nothing', async () => {
    const { id } = await ok(Message.create({ roomId: 'r', text: 'first', stars: 1 }));
    const query = 'mutation ($input: UpdateMessageInput!, $condition: ModelMessageConditionInput) { updateMessage(input: $input, condition: $condition) { text stars } }';
    const run = (text, condition) => client.graphql({ query, variables: { input: { id, text }, condition } });
    const { data, errors } = await run('second', { stars: { gt: 1 } }).catch((reason) => reason);
    assert.deepEqual(data, { updateMessage: null });
    assert.equal(errors[0].errorType, 'DynamoDB:ConditionalCheckFailedException');
    assert.equal((await run('second', { stars: { eq: 1 }, or: [{ text: { eq: 'first' } }, { pinned: { eq: true } }] })).data.updateMessage.text, 'second');
    const del = 'mutation ($id: ID!, $condition: ModelMessageConditionInput) { deleteMessage(input: {id: $id}, condition: $condition) { id } }';
    await thrown({ query: del, variables: { id, condition: { text: { eq: 'first' } } } });
    assert.equal((await client.graphql({ query: del, variables: { id, condition: { text: { eq: 'second' } } } })).data.deleteMessage.id, id);
  });

  test('create with a condition', async () => {
    const query = 'mutation ($input: CreateRoomInput!, $condition: ModelRoomConditionInput) { createRoom(input: $input, condition: $condition) { id } }';
    await thrown({ query, variables: { input: { name: 'A' }, condition: { name: { eq: 'B' } } } });
  });

  test('fragments, directives and aliases', async () => {
    const { id } = await ok(Room.create({ name: 'Fragments' }));
    const query = `query Q($id: ID!, $no: Boolean!) {
      one: getRoom(id: $id) { ...F createdAt @include(if: $no) }
      two: getRoom(id: $id) { ... on Room { id name @skip(if: $no) } }
    } fragment F on Room { name }`;
    const { data } = await client.graphql({ query, variables: { id, no: false } });
    assert.deepEqual(data, { one: { name: 'Fragments' }, two: { id, name: 'Fragments' } });
  });

  test('validation errors have no errorType and nothing is run', async () => {
    const before = (await ok(Room.list())).length;
    const { data, errors } = await thrown({ query: 'mutation { createRoom(input: {name: "x"}) { id colour } }' });
    assert.equal(data, null);
    assert.equal(errors[0].errorType, undefined);
    assert.equal(errors[0].message, "Validation error of type FieldUndefined: Field 'colour' in type 'Room' is undefined @ 'createRoom/colour'");
    assert.deepEqual(errors[0].path, null);
    assert.deepEqual(Object.keys(errors[0].locations[0]), ['line', 'column', 'sourceName']);
    assert.equal((await ok(Room.list())).length, before);
  });

  test('wrong variables', async () => {
    const query = 'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { id } }';
    const message = async (variables) => (await thrown({ query, variables })).errors[0].message;
    assert.match(await message({}), /Variable 'input' has coerced Null value for NonNull type 'CreateRoomInput!'/);
    assert.match(await message({ input: {} }), /has coerced Null value for NonNull type 'String!'/);
    assert.match(await message({ input: { name: 'x', colour: 'red' } }), /^The variables input contains a field /);
  });

  test('introspection', async () => {
    const { data } = await client.graphql({ query: '{ __schema { queryType { name } types { name } } __type(name: "Message") { fields { name } } }' });
    assert.equal(data.__schema.queryType.name, 'Query');
    assert.ok(data.__type.fields.some(({ name }) => name === 'mood'));
    assert.ok(data.__schema.types.some(({ name }) => name === 'ModelMessageFilterInput'));
  });

  test('a cancelled request rejects and the next one works', async () => {
    const promise = client.models.Room.list();
    assert.equal(client.cancel(promise, 'enough'), true);
    await assert.rejects(promise, (error) => client.isCancelError(error));
    await ok(Room.list());
  });

  test('a client with headers of its own', async () => {
    const own = generateClient({ headers: { 'x-own': 'yes' } });
    await ok(own.models.Room.list());
    await ok(own.models.Room.list({ headers: { 'x-other': 'ünicode is not sent'.slice(-8) } }));
  });
});

describe('credentials', () => {
  const query = '{ listRooms { items { id } } }';

  test('a wrong API key is 401 with the error type in header and body', async () => {
    for (const key of ['da2-aaaaaaaaaaaaaaaaaaaaaaaaaa', 'x', `${apiKey}x`, apiKey.slice(0, -1), apiKey.toUpperCase()]) {
      const { status, headers, body } = await post({ query }, { 'x-api-key': key });
      assert.equal(status, 401);
      assert.equal(headers.get('x-amzn-errortype'), 'UnauthorizedException');
      assert.deepEqual(body, { errors: [{ errorType: 'UnauthorizedException', message: 'You are not authorized to make this call.' }] });
    }
  });

  test('no credentials are 401', async () => {
    const { status, headers, body } = await post({ query }, {});
    assert.equal(status, 401);
    assert.equal(headers.get('x-amzn-errortype'), 'UnauthorizedException');
    assert.equal(body.errors[0].errorType, 'UnauthorizedException');
    assert.equal(body.errors[0].message, 'Valid authorization header not provided.');
  });

  test('the client says Unauthorized', async () => {
    const config = structuredClone(Amplify.getConfig());
    config.API.GraphQL.apiKey = 'da2-aaaaaaaaaaaaaaaaaaaaaaaaaa';
    const mine = Amplify.getConfig();
    try {
      Amplify.configure(config);
      const result = await client.models.Room.list();
      assert.deepEqual(result.data, []);
      assert.equal(result.errors[0].message, 'Unauthorized');
    } finally {
      Amplify.configure(mine);
    }
    await ok(Room.list());
  });

  test('modes that the project has not are refused', async () => {
    for (const authorization of ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', 'Bearer x', 'custom']) {
      const { status, body } = await post({ query }, { authorization });
      assert.equal(status, 401);
      assert.equal(body.errors[0].errorType, 'UnauthorizedException');
    }
    const errors = await fails(client.models.Room.list({ authMode: 'lambda', authToken: 'custom' }));
    assert.equal(errors[0].message, 'Unauthorized');
  });

  test('the outputs carry what the client needs and keep their form', () => {
    assert.equal(outputs.version, 'local-1.5');
    assert.match(outputs.data.api_key, /^da2-[a-z0-9]{26}$/);
    assert.equal(outputs.API.GraphQL.endpoint, endpoint);
    assert.equal(outputs.API.GraphQL.defaultAuthMode, 'apiKey');
    assert.deepEqual(outputs.API.GraphQL.modelIntrospection, outputs.data.model_introspection);
  });
});

describe('requests that are none', () => {
  const message = async (body, headers) => {
    const { status, body: answer } = await post(body, { 'x-api-key': apiKey, ...headers });
    return [status, answer?.errors?.[0]?.errorType, answer?.errors?.[0]?.message];
  };

  test('no body, no JSON, no query', async () => {
    assert.deepEqual(await message(''), [400, 'MalformedHttpRequestException', 'Request body is empty.']);
    for (const body of ['{', '[]', '"x"', 'null', '{"variables":{}}', '{"query":5}', '{"query":null}']) {
      const [status, type] = await message(body);
      assert.deepEqual([status, type], [400, 'MalformedHttpRequestException'], body);
    }
  });

  test('a document that can not be parsed', async () => {
    for (const query of ['{', 'query { ', 'nonsense', '{ listRooms { items { id } }', '']) {
      const [status, type] = await message({ query });
      assert.deepEqual([status, type], [400, 'MalformedHttpRequestException'], query);
    }
  });

  test('which operation must be clear', async () => {
    const query = 'query A { listRooms { items { id } } } query B { listMessages { items { id } } }';
    assert.equal((await message({ query }))[0], 400);
    assert.equal((await message({ query, operationName: 'C' }))[0], 400);
    const { status, body } = await post({ query, operationName: 'B' });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body.data), ['listMessages']);
  });

  test('a subscription over HTTP', async () => {
    const { status, body } = await post({ query: 'subscription { onCreateRoom { id } }' });
    assert.ok(status === 400 || body.errors, `${status} ${JSON.stringify(body)}`);
  });

  test('a document nested without end', async () => {
    const depth = 5000;
    const { status, body } = await post({ query: `{ listRooms ${'{ items '.repeat(depth)}${'}'.repeat(depth)} }` });
    assert.ok(status === 400 || body.errors, `${status}`);
    await ok(Room.list());
  });

  test('answers name the request', async () => {
    const { headers, body } = await post({ query: '{ listRooms { nextToken } }' });
    assert.ok(headers.get('x-amzn-requestid'));
    assert.match(headers.get('content-type'), /^application\/json/);
    assert.deepEqual(Object.keys(body), ['data']);
  });
});

describe('CORS', () => {
  const preflight = (headers) => fetch(endpoint, {
    method: 'OPTIONS',
    headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'POST', 'access-control-request-headers': headers },
  });

  test('a preflight allows the headers of the client and those of the app', async () => {
    const response = await preflight('content-type,x-amz-user-agent,x-api-key,x-my-own');
    assert.ok(response.ok);
    assert.ok(['*', 'http://localhost:5173'].includes(response.headers.get('access-control-allow-origin')));
    const allowed = response.headers.get('access-control-allow-headers').toLowerCase();
    for (const name of ['content-type', 'x-amz-user-agent', 'x-api-key', 'x-my-own']) assert.ok(allowed.includes(name), name);
    assert.match(response.headers.get('access-control-allow-methods'), /POST/);
  });

  test('answers, errors too, can be read by a page', async () => {
    for (const key of [apiKey, 'wrong']) {
      const { headers } = await post({ query: '{ listRooms { nextToken } }' }, { 'x-api-key': key, origin: 'http://localhost:5173' });
      assert.ok(['*', 'http://localhost:5173'].includes(headers.get('access-control-allow-origin')));
      const exposed = headers.get('access-control-expose-headers').toLowerCase();
      for (const name of ['x-amzn-requestid', 'x-amzn-errortype']) assert.ok(exposed.includes(name), name);
    }
  });
});
