// Functions that run by schedules, with the server's clock put ahead so that their time comes soon.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve, until } from './serve.mjs';

const MINUTE = 60_000;
const clock = { ahead: 0 };
/** Puts the server's clock so that it is `seconds` before a full minute with an odd number, `minutes` later than before. */
function setClock(seconds, minutes = 0) {
  const now = Date.now() + clock.ahead + minutes * MINUTE;
  const odd = Math.ceil(now / (2 * MINUTE)) * 2 * MINUTE + 3 * MINUTE;
  clock.ahead = odd - seconds * 1000 - Date.now();
  clock.at = odd;
  process.env.AMPD_SCHEDULE_CLOCK_AHEAD_MS = String(clock.ahead);
}

const ticks = (server) => [...server.log().matchAll(/TICK (\{.*\})/g)].map(([, text]) => JSON.parse(text));

test('a schedule runs a function at its time, once, and tells what passed while nobody was there', async () => {
  setClock(15);
  const first = await serve('clock');
  let left;
  let former;
  try {
    assert.match(first.log(), /lost is not run by its schedule: the system knows no time zone Atlantis\/Town/);
    const [event] = await until(() => ticks(first).length > 0 && ticks(first), 'the minute', 40_000);
    const { id, account, resources, ...rest } = event;
    assert.deepEqual(rest, {
      version: '0',
      'detail-type': 'Scheduled Event',
      source: 'aws.scheduler',
      time: new Date(clock.at).toISOString().replace('.000', ''),
      region: 'us-east-1',
      detail: '{}',
    });
    assert.match(id, /^[-0-9a-f]{36}$/);
    assert.match(account, /^\d{12}$/);
    assert.deepEqual(resources, [`arn:aws:scheduler:us-east-1:${account}:schedule/default/tick-schedule-0`]);
    assert.equal(ticks(first).length, 1); // the minute is odd: nothing for the second schedule
    left = first.folder;
    former = id; // may be delivered again, when the server ends before it knows that the function has
  } finally {
    await first.end({ keep: left !== undefined });
  }

  setClock(15, 4); // at least four minutes have passed
  const second = await serve('clock', { folder: left });
  try {
    for (const cron of ['*/1 * * * ? *', '*/2 * * * ? *']) {
      await until(() => second.log().includes(`of '${cron}' passed while ampd did not run`), `what was missed of ${cron}`);
    }
    assert.doesNotMatch(second.log(), /rare: /);
    const later = () => ticks(second).filter(({ id }) => id !== former);
    const all = await until(() => later().length > 0 && later(), 'the next minute', 40_000);
    assert.deepEqual(all.map(({ time }) => Date.parse(time)), [clock.at]);
  } finally {
    await second.end();
  }
});
