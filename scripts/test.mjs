// Runs the test targets named on the command line, two at a time, and prints one report that ends in
// `N passed, N failed`, with `, N skipped` behind it when some were. Exit code 1 when anything failed.
// A target has failed when its exit code or its totals say so, when it ran no test, when it takes too
// long, and when it leaves a process or a temporary file behind; each counts as one failure at least.
// A target's output is kept in build/test-logs and shown when it fails.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync } from 'node:fs';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const JOBS = Math.max(1, Number(process.env.TEST_JOBS) || 2);
const LIMIT_S = Number(process.env.TEST_LIMIT_S) || 1200; // for one target
const LOGS = 'build/test-logs';
const targets = [...new Set(process.argv.slice(2))];
const running = new Set();
let ending = false;

// The totals that test runners print: cmocka, node --test (both of its reporters), or our plain line.
const TOTALS = [
  [/^\[  PASSED  \] (\d+) test/gm, 'passed'],
  [/^\[  FAILED  \] .*: (\d+) test\(s\), listed below/gm, 'failed'],
  [/^\[  SKIPPED \] .*: (\d+) test\(s\), listed below/gm, 'skipped'],
  [/^(?:#|ℹ) pass (\d+)$/gm, 'passed'],
  [/^(?:#|ℹ) (?:fail|cancelled) (\d+)$/gm, 'failed'],
  [/^(?:#|ℹ) (?:skipped|todo) (\d+)$/gm, 'skipped'],
  [/^(\d+) passed, \d+ failed(?:, \d+ skipped)?$/gm, 'passed'],
  [/^\d+ passed, (\d+) failed(?:, \d+ skipped)?$/gm, 'failed'],
  [/^\d+ passed, \d+ failed, (\d+) skipped$/gm, 'skipped'],
];

function totals(text) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const [pattern, member] of TOTALS) {
    for (const [, count] of text.matchAll(pattern)) sum[member] += Number(count);
  }
  return sum;
}

const line = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

function environment(temporary) {
  const env = { ...process.env, TMPDIR: temporary, NODE_DISABLE_COMPILE_CACHE: '1' };
  // The job server of an outer `make -j` cannot be reached through this process.
  env.MAKEFLAGS = (env.MAKEFLAGS ?? '').replace(/(^| )(-j\d*|--jobserver-\w+=\S*)(?= |$)/g, '');
  return env;
}

// What still runs of a target that has ended: its temporary folder is in the environment of each
// process. A browser's last children may need a moment to see that their parent is gone.
async function leftBehind(temporary) {
  for (let patience = 50; ; patience--) {
    const left = existsSync('/proc/self/environ') ? processesWith(`TMPDIR=${temporary}`) : [];
    if (left.length === 0 || patience === 0) return left;
    await sleep(100);
  }
}

function processesWith(variable) {
  const read = (pid, file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'latin1').split('\0');
    } catch {
      return []; // It has ended, or is somebody else's.
    }
  };
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && read(pid, 'environ').includes(variable))
    .map((pid) => ({ pid: Number(pid), command: read(pid, 'cmdline').join(' ').trim() }));
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

// Each target leads a process group, so that whatever it started can be ended with it.
function start(target, log, temporary) {
  const file = openSync(log, 'w');
  const child = spawn(process.env.MAKE || 'make', ['--no-print-directory', target], {
    stdio: ['ignore', file, file],
    detached: true,
    env: environment(temporary),
  });
  closeSync(file);
  running.add(child);
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, by) => resolve(code === 0 ? '' : by ? `ended by ${by}` : `exit code ${code}`));
  }).finally(() => running.delete(child));
  return child;
}

async function endGroup(child) {
  signal(-child.pid, 'SIGTERM');
  const late = setTimeout(() => signal(-child.pid, 'SIGKILL'), 15_000);
  await child.ended;
  clearTimeout(late);
}

async function run(target) {
  const log = path.join(LOGS, `${target}.log`);
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'ampd-test-'));
  const began = Date.now();
  const child = start(target, log, temporary);
  let problem = '';
  const limit = setTimeout(() => {
    problem = `not done after ${LIMIT_S} s`;
    endGroup(child);
  }, LIMIT_S * 1000);
  const end = await child.ended;
  clearTimeout(limit);
  problem ||= end;
  const left = await leftBehind(temporary);
  left.forEach(({ pid }) => signal(pid, 'SIGKILL'));
  const files = readdirSync(temporary);
  rmSync(temporary, { recursive: true, force: true });

  const text = readFileSync(log, 'utf8').replace(/\x1b\[[0-9;]*m/g, '');
  const sum = totals(text);
  if (problem === '' && sum.failed > 0) problem = 'failures in its totals';
  if (problem === '' && sum.passed === 0) problem = 'it ran no test';
  if (problem === '' && left.length > 0) problem = `it left running: ${left.map(({ command }) => command).join('; ')}`;
  if (problem === '' && files.length > 0) problem = `it left temporary files: ${files.join(' ')}`;
  if (problem !== '') sum.failed ||= 1;
  if (!ending) report(target, log, text, sum, problem, Math.round((Date.now() - began) / 1000));
  return { target, sum, problem };
}

function report(target, log, text, sum, problem, seconds) {
  if (problem !== '') {
    const marks = text.match(/^.*(?:\bnot ok\b|✖|\[  FAILED  \]|\bFAIL\b|ERROR: \w+Sanitizer|runtime error:).*$/gm) ?? [];
    console.log(`\n---- ${target}: ${problem}; what ${log} marks as wrong, and its end:`);
    console.log(`${marks.slice(0, 40).join('\n')}\n...\n${text.slice(-8000)}\n----`);
  }
  console.log(`${problem === '' ? 'ok  ' : 'FAIL'} ${target.padEnd(16)} ${line(sum)} in ${seconds} s`);
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(name, async () => {
    if (ending) return;
    ending = true;
    await Promise.all([...running].map(endGroup));
  });
}

mkdirSync(LOGS, { recursive: true });
const queue = [...targets];
const results = [];
await Promise.all(
  Array.from({ length: JOBS }, async () => {
    while (queue.length > 0 && !ending) results.push(await run(queue.shift()));
  }),
);
const total = (member) => results.reduce((sum, result) => sum + result.sum[member], 0);
const failed = results.filter(({ problem }) => problem !== '').map(({ target }) => target);
if (failed.length > 0) console.log(`failed targets: ${failed.join(' ')}`);
if (ending) console.log(`ended before its time; not run: ${queue.join(' ')}`);
if (targets.length === 0) console.log('no test target was named');
console.log(line({ passed: total('passed'), failed: total('failed'), skipped: total('skipped') }));
process.exit(ending || failed.length > 0 || targets.length === 0 ? 1 : 0);
