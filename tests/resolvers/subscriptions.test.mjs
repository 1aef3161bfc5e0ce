// Subscriptions whose handlers are JavaScript: they run when the subscription starts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ok, start } from './lib.mjs';
import { until } from './serve.mjs';

let server;
let client;
before(async () => ({ server, client } = await start()));
after(() => server?.end());

/** What a subscription gets, and how it ends. */
function listen(field, args) {
  const seen = { events: [], error: null, complete: false };
  const subscription = client.subscriptions[field](args).subscribe({
    next: (event) => seen.events.push(event), error: (error) => (seen.error = error), complete: () => (seen.complete = true),
  });
  return { seen, end: () => subscription.unsubscribe() };
}

/** Puts notes until one comes, so the subscription has begun. */
async function begun({ seen }, fields) {
  await until(async () => {
    await ok(client.mutations.putNote({ text: 'begin', ...fields }));
    return seen.events.length > 0 || seen.error;
  }, 'the beginning');
  assert.equal(seen.error, null);
}

test('without a filter the arguments are compared', async () => {
  const listener = listen('onNote', { tag: 'a' });
  try {
    await begun(listener, { tag: 'a' });
    await ok(client.mutations.putNote({ id: 's1', text: 'other', tag: 'b' }));
    await ok(client.mutations.putNote({ id: 's2', text: 'mine', tag: 'a' }));
    await until(() => listener.seen.events.at(-1).id === 's2', 'the note');
    assert.ok(listener.seen.events.every(({ tag }) => tag === 'a'));
  } finally {
    listener.end();
  }
});

test('extensions.setSubscriptionFilter: alternatives of conditions', async () => {
  const listener = listen('onNote', { tag: 'x', least: 5 });
  try {
    await begun(listener, { tag: 'x', likes: 5 });
    for (const [id, tag, likes] of [['f1', 'x', 4], ['f2', 'y', 9], ['f3', 'all of it', 6], ['f4', 'x', 7]]) {
      await ok(client.mutations.putNote({ id, text: 't', tag, likes }));
    }
    await until(() => listener.seen.events.at(-1).id === 'f4', 'the last note');
    assert.deepEqual(listener.seen.events.map(({ id }) => id).filter((id) => id.length === 2), ['f3', 'f4']);
  } finally {
    listener.end();
  }
});

test('a handler that refuses: the subscription does not start', async () => {
  const { seen } = listen('onNote', { tag: 'secret' });
  await until(() => seen.error !== null, 'the refusal');
  assert.match(JSON.stringify(seen.error), /Not Authorized to access onNote on type Subscription/);
});

test('extensions.invalidateSubscriptions ends those that its filter names', async () => {
  const [one, two] = [listen('onTag', { tag: 'one' }), listen('onTag', { tag: 'two' })];
  try {
    await begun(one, { tag: 'one' });
    await begun(two, { tag: 'two' });
    assert.equal(await ok(client.mutations.dropTag({ tag: 'one' })), 'one');
    const before = one.seen.events.length;
    await until(async () => {
      await ok(client.mutations.putNote({ text: 'after', tag: 'two' }));
      return two.seen.events.at(-1).text === 'after';
    }, 'the other one goes on');
    await ok(client.mutations.putNote({ text: 'after', tag: 'one' }));
    await ok(client.mutations.putNote({ id: 'last', text: 'after', tag: 'two' }));
    await until(() => two.seen.events.at(-1).id === 'last', 'the last note');
    assert.equal(one.seen.events.length, before);
  } finally {
    one.end();
    two.end();
  }
});
