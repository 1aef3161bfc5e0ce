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
const LIMIT_MS = 300_000;
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

function runTests(files, env) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--test', ...files], {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    const late = setTimeout(() => {
      console.error(`The suites have not ended in ${LIMIT_MS / 1000} s.`);
      child.kill('SIGKILL');
    }, LIMIT_MS);
    child.on('close', (result) => {
      clearTimeout(late);
      resolve(result ?? 1);
    });
  });
}
