// The realtime protocol frame by frame: handshake, credentials, messages that are none, limits.
// project: chat
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { apiKey, client, endpoint, ok } from '../lib/client.mjs';
import { until } from '../lib/live.mjs';

const realtime = `${endpoint.replace(/^http/, 'wss')}/realtime`;
const credentials = { host: new URL(endpoint).host, 'x-api-key': apiKey };
const header = (value) => `header-${Buffer.from(JSON.stringify(value)).toString('base64url')}`;
const subscription = 'subscription { onCreateRoom { id name } }';
const start = (id, query = subscription, authorization = credentials) => ({
  id, type: 'start', payload: { data: JSON.stringify({ query, variables: {} }), extensions: { authorization } },
});
const init = { type: 'connection_init' };

// Opens a socket, sends, and waits until `enough` messages have come or it was closed.
async function talk(messages, enough, { protocols = ['graphql-ws', header(credentials)], url = realtime } = {}) {
  const socket = new WebSocket(url, protocols);
  const received = [];
  let closed = null;
  let refused = null;
  socket.on('message', (data) => received.push(JSON.parse(data)));
  socket.on('close', (code) => (closed = code));
  socket.on('unexpected-response', (request, response) => {
    refused = response.statusCode;
    socket.terminate();
  });
  socket.on('error', () => {}); // shows as refused or closed
  socket.on('open', () => messages.forEach((message) => socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))));
  await until(() => received.length >= enough || closed !== null || refused !== null, () => `${enough} messages, got ${JSON.stringify(received)}`);
  return { socket, received, closed: () => closed, refused, protocol: socket.protocol, end: () => socket.terminate() };
}

const types = ({ received }) => received.map(({ type }) => type);
const errorOf = ({ received }) => received.find(({ type }) => type === 'error' || type === 'connection_error').payload.errors[0];

describe('handshake', () => {
  test('acknowledges, keeps alive, starts', async () => {
    const talked = await talk([init, start('a')], 3);
    assert.equal(talked.protocol, 'graphql-ws');
    assert.deepEqual(talked.received, [
      { type: 'connection_ack', payload: { connectionTimeoutMs: 300000 } }, { type: 'ka' }, { id: 'a', type: 'start_ack' },
    ]);
    talked.end();
  });

  test('credentials in the query string, as older clients send them', async () => {
    const url = `${realtime}?header=${encodeURIComponent(Buffer.from(JSON.stringify(credentials)).toString('base64'))}&payload=e30=`;
    const talked = await talk([init, start('a')], 3, { protocols: ['graphql-ws'], url });
    assert.deepEqual(types(talked), ['connection_ack', 'ka', 'start_ack']);
    talked.end();
  });

  test('no sub-protocol that is known: refused', async () => {
    for (const protocols of [[], [header(credentials)], ['graphql-transport-ws']]) {
      assert.equal((await talk([init], 1, { protocols })).refused, 400);
    }
  });

  const wrong = { 'no credentials': [], 'a wrong key': [header({ ...credentials, 'x-api-key': 'da2-wrong' })], 'no base64': ['header-_'], 'no object': [header(5)], 'a token of nobody': [header({ ...credentials, 'x-api-key': undefined, Authorization: 'a.b.c' })] };
  for (const [name, more] of Object.entries(wrong)) {
    test(`${name}: a connection_error, then the end`, async () => {
      const talked = await talk([init], 1, { protocols: ['graphql-ws', ...more] });
      assert.deepEqual(types(talked), ['connection_error']);
      assert.deepEqual([errorOf(talked).errorType, errorOf(talked).errorCode], ['UnauthorizedException', 401]);
      await until(() => talked.closed() !== null, () => 'the end');
    });
  }
});

describe('messages', () => {
  const refusals = {
    'start without rights': [start('a', subscription, { host: 'x', 'x-api-key': 'no' }), 'UnauthorizedException'],
    'start without authorization': [{ ...start('a'), payload: { data: '{"query":"{a}"}' } }, 'UnauthorizedException'],
    'a query': [start('a', '{ listRooms { nextToken } }'), 'UnsupportedOperation'],
    'a mutation': [start('a', 'mutation { createRoom(input: {name: "no"}) { id } }'), 'UnsupportedOperation'],
    'an unknown type': [{ id: 'a', type: 'dance' }, 'UnsupportedOperation'],
    'no payload': [{ id: 'a', type: 'start' }, 'BadRequestException'],
    'no JSON': ['{', 'BadRequestException'],
    'no object': ['[1]', 'BadRequestException'],
    'no id': [{ ...start('a'), id: undefined }, 'BadRequestException'],
  };
  for (const [name, [message, type]] of Object.entries(refusals)) {
    test(`${name} is an error and the connection goes on`, async () => {
      const talked = await talk([init, message, start('next')], 4);
      assert.equal(errorOf(talked).errorType, type);
      assert.ok(talked.received.some((each) => each.id === 'next' && each.type === 'start_ack'));
      talked.end();
    });
  }

  test('errors of a document carry the id', async () => {
    for (const query of ['subscription {', 'subscription { onCreateRoom { id colour } }', 'subscription { a: onCreateRoom { id } b: onDeleteRoom { id } }']) {
      const talked = await talk([init, start('a', query)], 3);
      const { id, type, payload } = talked.received[2];
      assert.deepEqual([id, type], ['a', 'error']);
      assert.equal(typeof payload.errors[0].message, 'string');
      talked.end();
    }
  });

  test('start before the connection is initialised', async () => {
    const talked = await talk([start('a')], 1);
    assert.equal(errorOf(talked).errorType, 'UnauthorizedException');
    talked.end();
  });

  test('the same id twice, then stopped, then used again', async () => {
    const talked = await talk([init, start('a'), start('a'), { type: 'stop', id: 'a' }, start('a')], 6);
    assert.deepEqual(types(talked), ['connection_ack', 'ka', 'start_ack', 'error', 'complete', 'start_ack']);
    assert.equal(errorOf(talked).errorType, 'DuplicatedOperationError');
    talked.end();
  });

  test('a binary message ends the connection with 1003, a huge one with 1009', async () => {
    for (const [message, code] of [[Buffer.from('{}'), 1003], ['x'.repeat(3_000_000), 1009]]) {
      const talked = await talk([init, message], 9);
      assert.equal(talked.closed(), code);
    }
  });
});

describe('many', () => {
  test('a hundred subscriptions on one connection each get the event', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `s${index}`);
    const talked = await talk([init, ...ids.map((id) => start(id))], 102);
    const { id } = await ok(client.models.Room.create({ name: 'For all' }));
    const events = () => talked.received.filter((each) => each.type === 'data' && each.payload.data.onCreateRoom.id === id);
    await until(() => events().length === 100, () => `100 events, got ${events().length}`);
    assert.deepEqual(new Set(events().map((each) => each.id)), new Set(ids));
    talked.end();
  });

  test('two hundred connections', async () => {
    const all = await Promise.all(Array.from({ length: 200 }, () => talk([init, start('a')], 3)));
    const { id } = await ok(client.models.Room.create({ name: 'To all' }));
    const heard = (each) => each.received.some(({ payload }) => payload?.data?.onCreateRoom?.id === id);
    await until(() => all.every(heard), () => `${all.filter(heard).length} of 200 have heard`);
    all.forEach((each) => each.end());
  });

  test('one who does not read does not hold up the others', async () => {
    const text = 'x'.repeat(100_000);
    const lazy = await talk([init, start('a', 'subscription { onCreateMessage { text } }')], 3);
    const keen = await talk([init, start('a', 'subscription { onCreateMessage { text } }')], 3);
    lazy.socket.pause();
    for (let sent = 0; sent < 300; sent += 10) {
      await Promise.all(Array.from({ length: 10 }, () => ok(client.models.Message.create({ roomId: 'r', text }))));
    }
    const count = (each) => each.received.filter((message) => message.type === 'data' && message.payload.data.onCreateMessage.text === text).length;
    await until(() => count(keen) === 300, () => `300 events, got ${count(keen)}`);
    assert.ok(count(lazy) < 300);
    keen.end();
    lazy.end();
  });
});
