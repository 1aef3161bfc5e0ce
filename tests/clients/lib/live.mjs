// Waiting for what arrives by itself, without fixed sleeps.
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 15_000;
const running = new Set();

/** Ends what is still listening: an open socket would keep the test's process alive. */
export function stopAll() {
  for (const subscription of running) subscription.unsubscribe();
}

/** Resolves with what `probe` returns as soon as that is truthy; rejects after a while, saying `what`. */
export async function until(probe, what) {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not in ${LIMIT_MS} ms: ${what()}`);
    await sleep(10);
  }
}

/** Whether `probe` becomes true within a moment. */
export async function soon(probe) {
  for (let left = 50; left > 0; left--) {
    if (probe()) return true;
    await sleep(10);
  }
  return false;
}

function listen(observable, next) {
  const errors = [];
  const subscription = observable.subscribe({ next, error: (error) => errors.push(error) });
  running.add(subscription);
  const stop = () => {
    running.delete(subscription);
    subscription.unsubscribe();
  };
  const check = () => {
    if (errors.length > 0) throw new Error(JSON.stringify(errors, (key, value) => (value instanceof Error ? value.message : value)));
  };
  return { errors, stop, check };
}

/** The snapshots of an observeQuery. */
export function snapshots(observable) {
  const seen = [];
  const { stop, check } = listen(observable, (snapshot) => seen.push(snapshot));
  return {
    seen,
    stop,
    last: () => seen.at(-1),
    reach: (test, what) => until(() => {
      check();
      return seen.length > 0 && test(seen.at(-1));
    }, () => `${what}; the last snapshot was ${JSON.stringify(seen.at(-1))}`),
  };
}

/**
 * Subscribes and collects. The client does not say when a subscription has begun, so `provoke` is
 * called until its echo arrives; then `received` is emptied.
 */
export async function collect(observable, { provoke, isEcho } = {}) {
  const received = [];
  const { errors, stop, check } = listen(observable, (value) => received.push(value));
  if (provoke !== undefined) {
    await until(async () => {
      check();
      await provoke();
      return received.some(isEcho);
    }, () => 'the subscription to begin');
    await settle(received);
  }
  return {
    received,
    errors,
    stop,
    /** All that has been received as soon as there are n of it. */
    async count(n) {
      await until(() => (check(), received.length >= n), () => `${n} events, got ${JSON.stringify(received)}`);
      return received;
    },
  };
}

// Empties `received` once nothing more has come for a moment: echoes may still be on their way.
async function settle(received) {
  for (let seen = -1; seen !== received.length; ) {
    seen = received.length;
    await sleep(150);
  }
  received.length = 0;
}
