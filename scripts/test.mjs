// Runs the test targets named on the command line, two at a time, and prints one report. A target's
// output is kept in build/test-logs and shown when it fails. Exit code 1 when anything failed.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';

const JOBS = Number(process.env.TEST_JOBS ?? 2);
const LOGS = 'build/test-logs';
const targets = process.argv.slice(2);
const running = new Set();

// The totals a test runner printed: cmocka, node --test (both of its reporters), or our plain line.
function totals(text) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const add = (pattern, member) => {
    for (const match of text.matchAll(pattern)) sum[member] += Number(match[1]);
  };
  add(/^\[  PASSED  \] (\d+) test/gm, 'passed');
  add(/^\[  FAILED  \] \w+: (\d+) test/gm, 'failed');
  add(/^(?:#|ℹ) pass (\d+)$/gm, 'passed');
  add(/^(?:#|ℹ) fail (\d+)$/gm, 'failed');
  add(/^(?:#|ℹ) (?:skipped|todo) (\d+)$/gm, 'skipped');
  for (const match of text.matchAll(/^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)) {
    sum.passed += Number(match[1]);
    sum.failed += Number(match[2]);
    sum.skipped += Number(match[3] ?? 0);
  }
  return sum;
}

function run(target) {
  return new Promise((resolve) => {
    const log = `${LOGS}/${target}.log`;
    const file = openSync(log, 'w');
    const began = Date.now();
    const child = spawn(process.env.MAKE ?? 'make', ['--no-print-directory', target], {
      stdio: ['ignore', file, file],
    });
    running.add(child);
    child.on('error', () => resolve({ target, code: 127, sum: totals(''), seconds: 0 }));
    child.on('close', (code) => {
      closeSync(file);
      running.delete(child);
      const text = readFileSync(log, 'utf8');
      const sum = totals(text);
      const seconds = Math.round((Date.now() - began) / 1000);
      if (code !== 0) {
        console.log(`\n---- ${target} failed; the end of ${log}:\n${text.slice(-8000)}\n----`);
      }
      const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : '';
      console.log(
        `${code === 0 ? 'ok  ' : 'FAIL'} ${target.padEnd(16)} ${sum.passed} passed, ${sum.failed} failed${skipped} in ${seconds} s`,
      );
      if (code === 0 && sum.passed === 0) {
        console.log(`---- ${target} ran no test; the end of ${log}:\n${text.slice(-2000)}\n----`);
        code = 1;
      }
      resolve({ target, code, sum, seconds });
    });
  });
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal);
    process.exit(1);
  });
}

mkdirSync(LOGS, { recursive: true });
const queue = [...targets];
const results = [];
await Promise.all(
  Array.from({ length: JOBS }, async () => {
    while (queue.length > 0) results.push(await run(queue.shift()));
  }),
);
const failedTargets = results.filter((result) => result.code !== 0);
const passed = results.reduce((sum, result) => sum + result.sum.passed, 0);
const failed = results.reduce((sum, result) => sum + result.sum.failed, 0);
const skipped = results.reduce((sum, result) => sum + result.sum.skipped, 0);
const broken = failedTargets.filter((result) => result.sum.failed === 0).length; // ended badly otherwise
if (failedTargets.length > 0) {
  console.log(`failed targets: ${failedTargets.map((result) => result.target).join(' ')}`);
}
console.log(`${passed} passed, ${failed + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failedTargets.length > 0 ? 1 : 0);
