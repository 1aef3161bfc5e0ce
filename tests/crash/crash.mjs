// kill -9 at random moments. What was acknowledged is there afterwards, transactions are whole,
// indexes agree with the items, an index build that was cut off is finished.
//
//   node crash.mjs STORE_CRASH AMPD [ROUNDS] [SEED]
//
// A target (target_store.mjs, target_ampd.mjs, target_storage.mjs, target_events.mjs) is an object with start, check and, if it can, copy. Writers of a
// target count their transactions 0, 1, 2, ... and have one under way at a time, so that after a
// crash the last number found is the last one acknowledged or the next.
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ampdTarget } from "./target_ampd.mjs";
import { eventsTarget } from "./target_events.mjs";
import { storageTarget } from "./target_storage.mjs";
import { storeTarget } from "./target_store.mjs";

const [storeCrash, ampd, roundsText = "36", seedText = String(Date.now() % 1_000_000)] =
  process.argv.slice(2);

// Small and seeded (mulberry32).
let seed = Number(seedText);
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

function compare(found, acknowledged, before) {
  for (const [writer, number] of acknowledged) {
    const last = found.get(writer) ?? -1;
    if (last < number) throw new Error(`writer ${writer}: ${number} was acknowledged, ${last} found`);
    if (before && last > number + 1) throw new Error(`writer ${writer}: ${last} found after ${number}`);
  }
}

// Waits for so many acknowledgements, then for a moment more.
function moment(state, count, extraMs) {
  return new Promise((resolve) => {
    state.wanted = count;
    state.reached = () => setTimeout(resolve, extraMs);
  });
}

async function withWriter(target, folder, acknowledged, fn) {
  const state = { count: 0, wanted: Infinity, reached: () => {} };
  const writer = target.start(folder, (id, number) => {
    acknowledged.set(id, number);
    if (++state.count === state.wanted) state.reached();
  });
  const early = writer.ended.then((why) => {
    if (!state.killed) throw new Error(`the writer ended by itself: ${why}`);
  });
  await Promise.race([early, fn(writer, state)]);
  state.killed = true;
  writer.kill();
  await writer.ended; // the pipe is read to its end: all acknowledgements are in
  return state.count;
}

// The next round goes on behind what is found, be it acknowledged or not.
async function settle(target, folder, acknowledged) {
  const found = await target.check(folder);
  compare(found, acknowledged, true);
  for (const [writer, number] of found) acknowledged.set(writer, number);
}

async function killRound(target, folder, acknowledged) {
  const count = await withWriter(target, folder, acknowledged, (writer, state) =>
    moment(state, 1 + Math.floor(random() * (target.burst ?? 1500)), random() * 30));
  await settle(target, folder, acknowledged);
  return count;
}

// A copy of the files at the moment of an acknowledgement, while the writer goes on afterwards.
async function copyRound(target, folder, acknowledged, copies) {
  return withWriter(target, folder, acknowledged, async (writer, state) => {
    for (let i = 0; i < 3; i++) {
      const copy = join(copies, String(i));
      mkdirSync(copy);
      await moment(state, state.count + 1 + Math.floor(random() * 300), 0);
      process.kill(writer.pid, "SIGSTOP");
      const soFar = new Map(acknowledged);
      target.copy(folder, copy);
      process.kill(writer.pid, "SIGCONT");
      compare(await target.check(copy), soFar, false);
    }
  });
}

async function run(target, rounds) {
  const folder = mkdtempSync(join(tmpdir(), "crash-test-"));
  const data = join(folder, "data");
  const acknowledged = new Map();
  let total = 0;
  console.log(`${target.name}: ${rounds} rounds, seed ${seedText}`);
  mkdirSync(data);
  for (let i = 0; i < rounds; i++) {
    total += await killRound(target, data, acknowledged);
    if (target.copy && i % 6 === 5) {
      const copies = join(folder, `copies-${i}`);
      mkdirSync(copies);
      total += await copyRound(target, data, acknowledged, copies);
      await settle(target, data, acknowledged);
      rmSync(copies, { recursive: true });
    }
  }
  rmSync(folder, { recursive: true });
  console.log(`${target.name}: ${total} acknowledged transactions, none lost`);
}

let failed = 0;
const rounds = Number(roundsText);
const only = process.env.CRASH_TARGET; // its name; none: all
const targets = [
  { target: storeTarget(storeCrash), rounds },
  { target: ampdTarget(ampd), rounds: Math.ceil(rounds / 3) },
  { target: eventsTarget(ampd), rounds: Math.ceil(rounds / 4) },
  { target: storageTarget(ampd), rounds: Math.ceil((rounds * 2) / 3) },
].filter(({ target }) => !only || target.name === only);
for (const { target, rounds } of targets) {
  try {
    await run(target, rounds);
  } catch (error) {
    failed++;
    console.log(`${target.name}: ${error.stack}`);
  }
}
console.log(`${targets.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
