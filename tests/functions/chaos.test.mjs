// Handlers that do harm: each gets a clear error, other requests are served meanwhile, and nothing of it is left. Twice: with what every
// process may ask for itself, and in a namespace, where this machine lets bubblewrap make one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { isAlive, serve, until } from './serve.mjs';

const canMakeNamespaces = (() => {
  try {
    execFileSync('bwrap', ['--unshare-user-try', '--unshare-pid', '--ro-bind', '/', '/', '--proc', '/proc', '--', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Processes whose environment has this, as all have that a function of the server has started. */
const withMark = (mark) =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && isAlive(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });

const percentile = (times, part) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))];

function suite(isolation) {
  let server;
  let lambda;
  let nextFile = 0;
  const isNamespace = isolation === 'auto';

  before(async () => {
    server = await serve('chaos', { env: { AMPD_FUNCTION_ISOLATION: isolation } });
    lambda = new LambdaClient({ region: 'us-east-1', endpoint: server.origin, credentials: await server.key(), maxAttempts: 1 });
  });
  after(async () => {
    const mark = `AWS_ENDPOINT_URL=http://127.0.0.1:${new URL(server.origin).port}\0`;
    await server?.end();
    assert.deepEqual(withMark(mark), []);
  });

  async function invoke(FunctionName, event = {}, options = {}) {
    const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), ...options }));
    const log = answer.LogResult && Buffer.from(answer.LogResult, 'base64').toString();
    return { ...answer, value: JSON.parse(answer.Payload.transformToString()), log };
  }

  /** Calls others while `work` goes on. */
  async function beside(work) {
    const times = [];
    let isOver = false;
    const end = work.finally(() => (isOver = true));
    while (!isOver) {
      const begun = performance.now();
      const [health, calm] = await Promise.all([fetch(`${server.origin}/_ampd/health`), invoke('calm')]);
      times.push(performance.now() - begun);
      assert.equal(health.status, 200);
      assert.equal(calm.FunctionError, undefined, JSON.stringify(calm.value));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return { result: await end, times };
  }

  async function harms(t, event, type, message, name = 'harm') {
    await invoke('calm');
    const { result, times } = await beside(invoke(name, event, { LogType: 'Tail' }));
    t.diagnostic(`${isolation} ${name} ${event.do}: others' p50 ${percentile(times, 0.5).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms (${times.length})`);
    assert.equal(result.FunctionError, 'Unhandled', JSON.stringify(result.value));
    assert.equal(result.value.errorType, type);
    assert.match(result.value.errorMessage, message);
    assert.equal((await invoke(name)).FunctionError, undefined); // the next call is served
    return result;
  }

  // In a namespace process ids are not ours: what is left is found at the end, by its environment.
  const pidsOf = (file) => readFileSync(file, 'utf8').trim().split('\n').map(Number);
  async function leavesNothing(t, event, type, message, name) {
    const file = path.join(isNamespace ? '/tmp' : server.folder, `pids-${nextFile++}`);
    if (!isNamespace) writeFileSync(file, '');
    await harms(t, { ...event, file }, type, message, name);
    if (!isNamespace) {
      const pids = pidsOf(file);
      assert.ok(pids.length > 1, 'it has started something');
      await until(() => pids.every((pid) => !isAlive(pid)), `the end of ${pids}`);
    }
  }

  const TIMEOUT = ['Sandbox.Timedout', /^RequestId: \S+ Error: Task timed out after 3\.00 seconds$/];
  const KILLED = ['Runtime.ExitError', /^RequestId: \S+ Error: Runtime exited with error: signal: killed$/];

  test('others alone, for comparison', async (t) => {
    await invoke('calm');
    const { times } = await beside(new Promise((resolve) => setTimeout(resolve, 3000)));
    t.diagnostic(`${isolation} nobody: p50 ${percentile(times, 0.5).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms (${times.length})`);
  });

  test('spins', (t) => harms(t, { do: 'spin' }, ...TIMEOUT));
  test('never rests', (t) => harms(t, { do: 'ticks' }, ...TIMEOUT));
  test('leaks', async (t) => {
    const { log } = await harms(t, { do: 'leak' }, ...KILLED, 'patient');
    assert.match(log, /patient uses more memory than its 256 MB/);
    assert.match(log, /Memory Size: 256 MB\tMax Memory Used: 256 MB/);
  });
  test('fills its heap', (t) => harms(t, { do: 'heap' }, 'Runtime.ExitError', /signal: (aborted|killed)$/, 'patient'));
  test('has a child that leaks', (t) => leavesNothing(t, { do: 'childleak' }, ...KILLED, 'patient'));
  test('leaks while it is loaded', async () => {
    const { FunctionError, value } = await invoke('loading');
    assert.equal(FunctionError, 'Unhandled');
    assert.match(value.errorMessage, /signal: (killed|aborted)$/);
  });
  test('forks', (t) => leavesNothing(t, { do: 'fork' }, ...TIMEOUT));
  test('is deaf to signals', (t) => leavesNothing(t, { do: 'deaf' }, ...TIMEOUT));
  test('leaves its session, and ends', (t) => leavesNothing(t, { do: 'daemon' }, 'Runtime.ExitError', /exit status 4$/));
  test('leaves its session, and stays', (t) => leavesNothing(t, { do: 'daemon', stay: true }, ...TIMEOUT));
  test('writes lines without end', (t) => harms(t, { do: 'lines' }, ...TIMEOUT));
  test('writes one line without end', (t) => harms(t, { do: 'oneline' }, ...TIMEOUT));
  test('exits', (t) => harms(t, { do: 'exit', code: 3 }, 'Runtime.ExitError', /exit status 3$/));
  test('exits as if all were well', (t) => harms(t, { do: 'exit', code: 0 }, 'Runtime.ExitError', /Runtime exited without providing a reason$/));
  test('aborts', (t) => harms(t, { do: 'abort' }, 'Runtime.ExitError', /signal: aborted$/));
  test('kills itself', (t) => harms(t, { do: 'kill' }, ...KILLED));

  test('keeps a child that holds its output', async () => {
    const file = path.join(isNamespace ? '/tmp' : server.folder, 'kept');
    if (!isNamespace) writeFileSync(file, '');
    const { value } = await invoke('harm', { do: 'keep', file });
    assert.equal((await invoke('harm')).value, value); // the process goes on, and its child
    await harms({ diagnostic() {} }, { do: 'exit', code: 1 }, 'Runtime.ExitError', /exit status 1$/);
    if (!isNamespace) await until(() => pidsOf(file).every((pid) => !isAlive(pid)), 'the end of the child');
  });

  test('writes gigabytes', async () => {
    const { value } = await invoke('patient', { do: 'disk' });
    assert.ok(isNamespace ? ['EFBIG', 'ENOSPC'].includes(value.code) : value.code === 'EFBIG', JSON.stringify(value));
    assert.ok(value.written <= 512 * 1024 * 1024, String(value.written));
  });

  test('opens files without end', async () => {
    const { value } = await invoke('harm', { do: 'files' });
    assert.equal(value.code, 'EMFILE');
    assert.ok(value.count < 1024, String(value.count));
  });

  test('has no descriptor of the server, and no way to more rights', async () => {
    const { value: open } = await invoke('harm', { do: 'inherited' });
    assert.deepEqual(open.filter((name) => /\.db|ampd|\.pem|\.key/.test(name) && !/^(pipe|socket|anon_inode):/.test(name)), []);
    assert.match((await invoke('harm', { do: 'status' })).value, /^NoNewPrivs:\t1$/m);
  });

  test('ampd info says what is in force', async () => {
    const { stdout } = await server.ampd('info');
    assert.match(stdout, /^version +\d+\.\d+\.\d+$/m);
    assert.match(stdout, new RegExp(`^served at +http://.*:${new URL(server.origin).port}$`, 'm'));
    assert.match(stdout, isNamespace ? /^functions run in +bubblewrap: own processes/m : /^functions run in +own process groups.*AMPD_FUNCTION_ISOLATION is none/m);
    assert.equal(JSON.parse((await server.ampd('info', '--json')).stdout).isServed, true);
  });

  if (isNamespace) {
    test('sees its own processes only, and reaches the server', async () => {
      const { value } = await invoke('harm', { do: 'identity' });
      assert.equal(value.endpoint, 200);
      assert.ok(value.pid < 10, String(value.pid));
      assert.ok((await invoke('harm', { do: 'processes' })).value < 10);
    });

    test('sees none of the server\'s data, and writes to nothing but its own /tmp', async () => {
      for (const name of ['', 'instance.key', 'data.db', 'admin.json', 'ids.json']) {
        const { value } = await invoke('harm', { do: 'read', path: path.join(server.dataDir, name) });
        assert.ok(['ENOENT', 'EISDIR'].includes(value.code), `${name}: ${JSON.stringify(value)}`);
      }
      assert.deepEqual((await invoke('harm', { do: 'write', path: path.join(homedir(), 'ampd-harm') })).value, { code: 'EROFS' });
      assert.deepEqual((await invoke('harm', { do: 'write', path: 'ampd-harm' })).value, { code: 'EROFS' });
      const name = `ampd-harm-${process.pid}`;
      assert.ok((await invoke('harm', { do: 'keepfile', path: `/tmp/${name}` })).value.includes(name));
      assert.ok(!readdirSync('/tmp').includes(name));
    });
  }
}

describe('own process groups', () => suite('none'));
// Not in /tmp, which a namespace has of its own.
async function seesNothingOfOthers() {
  const folder = mkdtempSync('/var/tmp/ampd-functions-');
  const project = path.join(folder, 'project');
  const home = path.join(folder, 'home');
  const put = (name) => {
    mkdirSync(path.dirname(name), { recursive: true });
    writeFileSync(name, 'private');
    return name;
  };
  const hidden = ['.amplify/ampd/admin.json', '.amplify/ampd/identifiers/other/instance.key', '.amplify/else'].map((name) => put(path.join(project, name)));
  hidden.push(...['.ssh/id', '.npmrc', '.netrc', '.git-credentials', '.config/gh/hosts.yml', '.pgpass'].map((name) => put(path.join(home, name))));
  const open = [put(path.join(home, 'notes.txt')), put(path.join(project, 'readme.txt'))];
  const dataDir = path.join(project, '.amplify/ampd/identifiers/own');
  let server;
  try {
    server = await serve('chaos', { watch: true, folder, dataDir, env: { AMPD_FUNCTION_ISOLATION: 'auto', HOME: home } });
    const lambda = new LambdaClient({ region: 'us-east-1', endpoint: server.origin, credentials: await server.key(), maxAttempts: 1 });
    const read = async (name) => {
      const answer = await lambda.send(new InvokeCommand({ FunctionName: 'harm', Payload: JSON.stringify({ do: 'read', path: name }) }));
      return JSON.parse(answer.Payload.transformToString());
    };
    for (const name of open) assert.deepEqual(await read(name), { text: 'private'.length }, name);
    for (const name of [...hidden, path.join(dataDir, 'admin.json')]) assert.ok(['ENOENT', 'EACCES'].includes((await read(name)).code), name);
  } finally {
    await server?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('a namespace', { skip: canMakeNamespaces ? false : 'bubblewrap is not there, or the kernel does not allow it' }, () => {
  suite('auto');
  test('sees nothing of other sandboxes of the project, and no keys of its user', seesNothingOfOthers);
});
