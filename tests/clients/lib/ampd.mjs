// Runs `ampd sandbox` for a test: on a port the system chooses, with data and outputs in a folder of
// its own, and proves when it is stopped that nothing stays behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const AMPD = process.env.AMPD ?? path.join(ROOT, 'build/ampd');

process.setMaxListeners(0); // one per sandbox

// Ended by a signal, the test's process still runs its exit handlers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

const START_MS = 60_000;
const STOP_MS = 20_000;

/**
 * Starts a sandbox and waits until it is ready. The result has
 * - outputs, outputsFile: the generated amplify_outputs.json
 * - origin: http://localhost:PORT
 * - caFile: the certificate of its authority
 * - log(): what it has printed
 * - stop(): ends it by SIGTERM; rejects unless it ends with code 0 and leaves no process
 */
export async function startSandbox(project, { args = ['--once'], folder } = {}) {
  const own = folder ?? mkdtempSync(path.join(tmpdir(), 'ampd-client-'));
  const outputsFile = path.join(own, 'out', 'amplify_outputs.json');
  const child = spawn(
    AMPD,
    ['sandbox', '--project', project, '--port', '0', '--data-dir', path.join(own, 'data'),
      '--outputs-out-dir', path.dirname(outputsFile), ...args],
    { detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (log += text));
  }
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(signal ?? code));
  });

  let hasEnded = false;
  ended.then(() => (hasEnded = true));
  // A test run that breaks off must not leave its server behind.
  const cleanAtExit = () => {
    if (!hasEnded && child.pid) process.kill(-child.pid, 'SIGKILL');
    if (folder === undefined) rmSync(own, { recursive: true, force: true });
  };
  process.on('exit', cleanAtExit);

  async function stop() {
    const began = Date.now();
    child.kill('SIGTERM');
    const result = await Promise.race([ended, sleep(STOP_MS, 'no end', { ref: false })]);
    if (result === 'no end') child.kill('SIGKILL');
    process.off('exit', cleanAtExit);
    if (folder === undefined) rmSync(own, { recursive: true, force: true });
    assert.equal(result, 0, `ampd ended with ${result} after ${Date.now() - began} ms:\n${log}`);
    assert.ok(await groupEnds(child.pid), 'ampd left a process behind');
  }

  const deadline = Date.now() + START_MS;
  for (;;) {
    const outputs = await readyOutputs(outputsFile, log);
    if (outputs !== null) {
      const origin = originOf(outputs);
      return { outputs, outputsFile, origin, caFile: path.join(own, 'data', 'ca.pem'), log: () => log, stop, child };
    }
    if (hasEnded || Date.now() > deadline) {
      const how = hasEnded ? `ended (${await ended})` : 'not ready in time';
      if (!hasEnded) child.kill('SIGKILL');
      throw new Error(`ampd sandbox --project ${project}: ${how}:\n${log}`);
    }
    await sleep(20);
  }
}

// The loader of the definitions is told to end, not waited for.
async function groupEnds(pid) {
  for (const deadline = Date.now() + 5000; Date.now() < deadline; await sleep(5)) {
    try {
      process.kill(-pid, 0);
    } catch (error) {
      return error.code === 'ESRCH';
    }
  }
  return false;
}

// Not every project has data.
const originOf = ({ data, Auth }) => new URL(data?.url ?? Auth.Cognito.userPoolEndpoint).origin;

// The outputs, once the server that wrote them says that it is ready.
async function readyOutputs(outputsFile) {
  try {
    const outputs = JSON.parse(readFileSync(outputsFile, 'utf8'));
    const response = await fetch(new URL('/_ampd/health', originOf(outputs)));
    return response.ok && (await response.json()).status === 'ok' ? outputs : null;
  } catch {
    return null;
  }
}
