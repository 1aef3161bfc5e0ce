// Runs the suites against a sandbox each. Node reads NODE_EXTRA_CA_CERTS when it starts, so the
// servers come first, then one `node --test` that trusts them all.
// Usage: node run.mjs [SUITE...]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, startSandbox } from './lib/ampd.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const LIMIT_MS = 180_000;
const JOBS = 3;
const wanted = process.argv.slice(2);
const suites = readdirSync(path.join(here, 'suites'))
  .map((file) => file.replace('.test.mjs', ''))
  .filter((suite) => wanted.length === 0 || wanted.includes(suite));

// A suite's first line names its project: a folder of fixtures/ or examples/.
function projectOf(suite) {
  const text = readFileSync(path.join(here, 'suites', `${suite}.test.mjs`), 'utf8');
  const [, name] = text.match(/^\/\/ project: (\S+)$/m);
  return name.includes('/') ? path.join(ROOT, name) : path.join(here, 'fixtures', name);
}

const folder = mkdtempSync(path.join(tmpdir(), 'ampd-clients-'));
const sandboxes = [];
let code = 1;
try {
  const started = await Promise.allSettled(suites.map((suite) => startSandbox(projectOf(suite))));
  sandboxes.push(...started.flatMap(({ value }) => value ?? []));
  const broken = started.find(({ status }) => status === 'rejected');
  if (broken) throw broken.reason;

  const caFile = path.join(folder, 'ca.pem');
  writeFileSync(caFile, sandboxes.map(({ caFile: each }) => readFileSync(each)).join('\n'));
  const files = suites.map((suite) => path.join(here, 'suites', `${suite}.test.mjs`));
  const outputs = Object.fromEntries(suites.map((suite, index) => [suite, sandboxes[index].outputsFile]));
  code = await runTests(files, { NODE_EXTRA_CA_CERTS: caFile, AMPD_OUTPUTS: JSON.stringify(outputs) });
} catch (error) {
  console.error(error.message);
} finally {
  const stopped = await Promise.allSettled(sandboxes.map((sandbox) => sandbox.stop()));
  for (const { reason } of stopped.filter(({ status }) => status === 'rejected')) {
    console.error(reason.message);
    code ||= 1;
  }
  if (code !== 0) {
    for (const [index, sandbox] of sandboxes.entries()) console.error(`-- ampd for ${suites[index]}:\n${sandbox.log()}`);
  }
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);

// Some suites at a time, each in a process of its own; what it printed comes in one piece.
async function runTests(files, env) {
  const queue = [...files];
  const codes = [];
  const work = async () => {
    while (queue.length > 0) codes.push(await runTest(queue.shift(), env));
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  return codes.find((each) => each !== 0) ?? 0;
}

function runTest(file, env) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--test', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (printed += text));
    const late = setTimeout(() => {
      printed += `${file} has not ended in ${LIMIT_MS / 1000} s.\n`;
      child.kill();
    }, LIMIT_MS);
    child.on('close', (result) => {
      clearTimeout(late);
      process.stdout.write(printed);
      resolve(result ?? 1);
    });
  });
}
