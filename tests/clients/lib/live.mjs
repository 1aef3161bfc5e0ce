// Waiting for what arrives by itself, without fixed sleeps.
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 15_000;
const running = new Set();

/** Ends what is still listening: an open socket would keep the test's process alive. */
export function stopAll() {
  for (const subscription of running) subscription.unsubscribe();
}

/** Resolves with what `probe` returns as soon as that is truthy; rejects after a while, saying `what`. */
export async function until(probe, what, limitMs = LIMIT_MS) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not in ${limitMs} ms: ${what()}`);
    await sleep(10);
  }
}

/** Whether `probe` becomes true within a moment. */
export async function soon(probe) {
  for (let left = 20; left > 0; left--) {
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
 * called until its echo arrives; echoes are not collected.
 */
export async function collect(observable, { provoke, isEcho = () => false } = {}) {
  const received = [];
  let hasBegun = provoke === undefined;
  const { errors, stop, check } = listen(observable, (value) => {
    if (isEcho(value)) hasBegun = true;
    else received.push(value);
  });
  await until(async () => {
    check();
    if (!hasBegun) await provoke();
    return hasBegun || soon(() => hasBegun);
  }, () => 'the subscription to begin');
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
