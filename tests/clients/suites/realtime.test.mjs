// observeQuery and the three subscriptions, over wss with the local authority's certificate.
// project: chat
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { client, ok } from '../lib/client.mjs';
import { collect, snapshots, soon, stopAll, until } from '../lib/live.mjs';

const { Room, Message, Presence } = client.models;
after(stopAll);

// Starts to listen; probes are messages of a room of their own.
async function listen(operation, options, probe = { roomId: 'probe', text: 'probe' }) {
  const provoke = async () => {
    const { id } = await ok(Message.create(probe));
    if (operation !== 'onCreate') await ok(Message.update({ id, ...probe }));
    if (operation === 'onDelete') await ok(Message.delete({ id }));
  };
  const isEcho = ({ text }) => text === probe.text;
  return collect(Message[operation](options), { provoke, isEcho });
}

const texts = (received) => received.map(({ text }) => text);
// Everything about this room that came, once the closing message `last` has come.
const say = (roomId, text, more = {}) => ok(Message.create({ roomId, text, ...more }));

describe('subscriptions', () => {
  test('onCreate brings each new item whole', async () => {
    const live = await listen('onCreate');
    const made = await say('r1', 'hello', { stars: 3, pinned: true, mood: 'GLAD', labels: ['a'], meta: '{"k":1}' });
    const [event] = await live.count(1);
    const fields = ['id', 'roomId', 'text', 'stars', 'pinned', 'mood', 'labels', 'meta', 'createdAt', 'updatedAt'];
    for (const field of fields) assert.deepEqual(event[field], made[field], field);
    live.stop();
  });

  test('onUpdate and onDelete', async () => {
    const updates = await listen('onUpdate');
    const deletes = await listen('onDelete');
    const { id } = await say('r2', 'one');
    await ok(Message.update({ id, text: 'two' }));
    await ok(Message.delete({ id }));
    await deletes.count(1);
    assert.deepEqual(texts(updates.received.filter((event) => event.id === id)), ['two']);
    assert.deepEqual(texts(deletes.received), ['two']);
    updates.stop();
    deletes.stop();
  });

  test('events come in the order of the writes', async () => {
    const live = await listen('onCreate');
    const sent = Array.from({ length: 100 }, (_, index) => `n${index}`);
    for (const text of sent) await say('r3', text);
    assert.deepEqual(texts(await live.count(100)), sent);
    live.stop();
  });

  test('many writers at once: every event once', async () => {
    const live = await listen('onCreate');
    const sent = Array.from({ length: 200 }, (_, index) => `m${index}`);
    await Promise.all(sent.map((text) => say('r4', text)));
    assert.deepEqual(texts(await live.count(200)).sort(), [...sent].sort());
    live.stop();
  });

  test('failed writes tell nobody', async () => {
    const live = await listen('onCreate');
    await Message.create({ id: 'same', roomId: 'r5', text: 'first' });
    await Message.create({ id: 'same', roomId: 'r5', text: 'second' });
    await Message.create({ roomId: 'r5' });
    await say('r5', 'last');
    assert.deepEqual(texts(await live.count(2)), ['first', 'last']);
    live.stop();
  });

  test('a selectionSet narrows the events', async () => {
    const provoke = () => ok(Room.create({ name: 'probe' }));
    const live = await collect(Room.onCreate({ selectionSet: ['name'] }), { provoke, isEcho: ({ name }) => name === 'probe' });
    await ok(Room.create({ name: 'Narrow' }));
    assert.deepEqual(await live.count(1), [{ name: 'Narrow' }]);
    live.stop();
  });

  test('fields that the writer did not select are null', async () => {
    const live = await listen('onCreate');
    await ok(Message.create({ roomId: 'r6', text: 'part', stars: 5 }, { selectionSet: ['id', 'text', 'roomId', 'createdAt', 'updatedAt'] }));
    const [event] = await live.count(1);
    assert.deepEqual([event.text, event.stars], ['part', null]);
    live.stop();
  });

  test('models with keys of their own', async () => {
    const provoke = async () => {
      await Presence.create({ roomId: 'probe', person: 'probe' });
      await ok(Presence.update({ roomId: 'probe', person: 'probe', since: 1 }));
    };
    const live = await collect(Presence.onUpdate(), { provoke, isEcho: ({ person }) => person === 'probe' });
    await ok(Presence.create({ roomId: 'r', person: 'p' }));
    await ok(Presence.update({ roomId: 'r', person: 'p', since: 7 }));
    const [{ roomId, person, since }] = await live.count(1);
    assert.deepEqual([roomId, person, since], ['r', 'p', 7]);
    live.stop();
  });

  test('who has stopped listening hears nothing', async () => {
    const gone = await listen('onCreate');
    const live = await listen('onCreate');
    gone.stop();
    gone.received.length = 0;
    await say('r7', 'later');
    await live.count(1);
    assert.deepEqual(gone.received, []);
    live.stop();
  });

  test('a document written by hand', async () => {
    const provoke = () => ok(Room.create({ name: 'probe' }));
    const observable = client.graphql({ query: 'subscription S { fresh: onCreateRoom { title: name __typename } }' });
    const live = await collect(observable, { provoke, isEcho: ({ data }) => data.fresh.title === 'probe' });
    await ok(Room.create({ name: 'By hand' }));
    const [{ data }] = await live.count(1);
    assert.deepEqual(data, { fresh: { title: 'By hand', __typename: 'Room' } });
    live.stop();
  });
});

describe('filters of subscriptions', () => {
  // Each filter matches the first of `sent` only.
  const cases = [
    ['eq', { text: { eq: 'Abc' } }],
    ['ne', { stars: { ne: 1 } }],
    ['le', { stars: { le: 5 } }, [{ stars: 5 }, { stars: 6 }]],
    ['lt', { stars: { lt: 5 } }, [{ stars: 4 }, { stars: 5 }]],
    ['ge', { stars: { ge: 5 } }],
    ['gt', { stars: { gt: 4 } }],
    ['between', { stars: { between: [5, 6] } }],
    ['contains', { text: { contains: 'bc' } }],
    ['contains in a list', { labels: { contains: 'red' } }, [{ labels: ['red', 'blue'] }, { labels: ['redder'] }]],
    ['notContains', { text: { notContains: 'y' } }],
    ['beginsWith', { text: { beginsWith: 'Ab' } }],
    ['in', { stars: { in: [5, 7, 9] } }],
    ['notIn', { text: { notIn: ['xyz', 'other'] } }],
    ['boolean', { pinned: { eq: true } }, [{ pinned: true }, { pinned: false }]],
    ['enum', { mood: { eq: 'GLAD' } }, [{ mood: 'GLAD' }, { mood: 'SAD' }]],
    ['two fields', { text: { beginsWith: 'A' }, stars: { gt: 2 } }],
    ['and', { and: [{ stars: { gt: 2 } }, { text: { eq: 'Abc' } }] }],
    ['or', { or: [{ stars: { gt: 4 } }, { text: { eq: 'never' } }] }],
    ['and within or', { or: [{ and: [{ stars: { gt: 4 } }, { text: { eq: 'Abc' } }] }, { text: { eq: 'never' } }] }],
  ];
  for (const [name, filter, [match, other] = [{}, {}]] of cases) {
    test(name, async () => {
      const hit = { text: 'Abc', stars: 5, ...match };
      const miss = { text: 'xyz', stars: 1, ...other };
      const provoke = () => ok(Message.create({ roomId: 'probe', ...hit }));
      const live = await collect(Message.onCreate({ filter }), { provoke, isEcho: ({ roomId }) => roomId === 'probe' });
      await ok(Message.create({ roomId: 'real', ...miss }));
      await ok(Message.create({ roomId: 'real', ...hit }));
      const received = await live.count(1);
      assert.deepEqual(received.map(({ text, stars }) => [text, stars]), [[hit.text, hit.stars]]);
      live.stop();
    });
  }

  test('what a filter can not say is an error', async () => {
    for (const filter of [{ not: { stars: { eq: 1 } } }, { stars: { attributeExists: true } }, { colour: { eq: 'red' } }, { stars: { in: [1, 2, 3, 4, 5, 6] } }]) {
      const live = await collect(Message.onCreate({ filter }));
      await until(() => live.errors.length > 0, () => `an error for ${JSON.stringify(filter)}`);
      live.stop();
    }
  });
});

describe('observeQuery', () => {
  const filter = { roomId: { eq: 'watched' } };
  const names = ({ items }) => items.map(({ text }) => text).filter((text) => !text.startsWith('probe')).sort().join(' ');

  test('first what is there, then every change', async () => {
    await say('watched', 'a');
    await say('watched', 'b');
    await say('elsewhere', 'x');
    const live = snapshots(Message.observeQuery({ filter }));
    await live.reach((each) => each.isSynced && names(each) === 'a b', 'the first snapshot');
    // All three subscriptions have begun once a probe's coming, change and going have been seen.
    const shows = (id, text) => live.last().items.find((item) => item.id === id)?.text === text;
    await until(async () => {
      const { id } = await say('watched', 'probe');
      const came = await soon(() => shows(id, 'probe'));
      await ok(Message.update({ id, text: 'probed' }));
      const changed = came && (await soon(() => shows(id, 'probed')));
      await ok(Message.delete({ id }));
      return changed && (await soon(() => shows(id, undefined)));
    }, () => 'the subscriptions to begin');

    const c = await say('watched', 'c');
    await say('elsewhere', 'y');
    await live.reach((each) => names(each) === 'a b c', 'a new item');
    await ok(Message.update({ id: c.id, text: 'd' }));
    await live.reach((each) => names(each) === 'a b d', 'a changed item');
    await ok(Message.delete({ id: c.id }));
    await live.reach((each) => names(each) === 'a b', 'an item less');
    live.stop();
  });

  test('more items than a page, each once', async () => {
    await Promise.all(Array.from({ length: 230 }, (_, index) => ok(Presence.create({ roomId: 'full', person: `p${index}` }))));
    const live = snapshots(Presence.observeQuery());
    await live.reach((each) => each.isSynced, 'all pages');
    assert.equal(live.last().items.filter(({ roomId }) => roomId === 'full').length, 230);
    assert.ok(live.seen.length > 1, 'snapshots grow page by page');
    assert.equal(live.seen[0].isSynced, false);
    live.stop();
  });

  test('two windows see the same', async () => {
    const windows = [snapshots(Room.observeQuery()), snapshots(Room.observeQuery())];
    for (const each of windows) await each.reach((snapshot) => snapshot.isSynced, 'the first snapshot');
    let probe;
    await until(async () => {
      probe = await ok(Room.create({ name: 'shared' }));
      return windows.every((each) => each.last().items.some(({ name }) => name === 'shared'));
    }, () => 'both to listen');
    const { id } = await ok(Room.create({ name: 'both' }));
    for (const each of windows) await each.reach(({ items }) => items.some((item) => item.id === id), 'the new room');
    await ok(Room.delete({ id: probe.id }));
    for (const each of windows) {
      await each.reach(({ items }) => !items.some((item) => item.id === probe.id), 'the deleted room to go');
      each.stop();
    }
  });
});
