// Secrets: set by the command, sealed at rest, in the environment of functions, through SSM's API.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteParameterCommand, GetParameterCommand, GetParametersByPathCommand, GetParametersCommand, PutParameterCommand, SSMClient,
} from '@aws-sdk/client-ssm';
import { AMPD, serve, until } from './serve.mjs';

const digest = (text) => createHash('sha256').update(text).digest('hex');
const SECRETS = []; // every value that was ever set: none of them may be found anywhere
const value = (text) => (SECRETS.push(text), text);

/** Runs the command with `input` as its standard input. */
function secret(words, { input = '', dataDir, project } = {}) {
  const where = project ? ['--project', project] : ['--data-dir', dataDir];
  return new Promise((resolve) => {
    const child = spawn(AMPD, ['sandbox', 'secret', ...words, ...where]);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
    child.on('close', (code) => resolve({ code, out, err }));
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(input);
  });
}

let server;
let lambda;
let ssm;
const client = (Client, credentials) => new Client({ endpoint: server.origin, region: 'us-east-1', credentials });
async function invoke(name, event = {}) {
  const { Payload, FunctionError } = await lambda.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event) }));
  const result = JSON.parse(Buffer.from(Payload).toString());
  assert.equal(FunctionError, undefined, JSON.stringify(result));
  return result;
}
const set = (name, text) => secret(['set', name], { input: value(text), dataDir: server.dataDir });

before(async () => {
  server = await serve('secrets');
  lambda = client(LambdaClient, await server.key());
  ssm = client(SSMClient, await server.key());
});
after(async () => {
  await server?.end();
});

test('a secret that is not set: the function says which, and how to set it; the others are served', async () => {
  await until(() => /The secret 'MISSING_ONE' of the function waiting is not set\.\n.*ampd sandbox secret set MISSING_ONE --data-dir /.test(server.log()), 'warning');
  await assert.rejects(
    () => invoke('waiting'),
    /The secret 'MISSING_ONE' of the function waiting is not set\. Set it with: ampd sandbox secret set MISSING_ONE/,
  );
  assert.equal((await invoke('free')).atLoad, undefined);
});

test('set, get, list and remove while the server runs, as ampx says it', async () => {
  const where = { dataDir: server.dataDir };
  assert.deepEqual(await secret(['list'], where), {
    code: 0, err: '', out: 'No sandbox secrets found. To create a secret use ampd sandbox secret set <secret-name>.\n',
  });
  assert.deepEqual(await set('TOKEN', 'first value of it'), { code: 0, err: '', out: 'Successfully created version 1 of secret TOKEN\n' });
  assert.deepEqual(await set('TOKEN', 'second value of it\n'), { code: 0, err: '', out: 'Successfully created version 2 of secret TOKEN\n' });
  const { out } = await secret(['get', 'TOKEN'], where);
  assert.match(out, /^name: TOKEN\nversion: 2\nvalue: second value of it\nlastUpdated: \d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
  await set('OTHER.one', 'of no function');
  assert.equal((await secret(['list'], where)).out, ' - OTHER.one\n - TOKEN\n');
  assert.deepEqual(await secret(['remove', 'OTHER.one'], where), { code: 0, err: '', out: 'Successfully removed secret OTHER.one\n' });
  const gone = await secret(['get', 'OTHER.one'], where);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /there is no secret 'OTHER\.one'/);
});

// Runs a command at a terminal of its own, types a line when it is asked, and prints what the terminal showed.
const AT_A_TERMINAL = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b''
typed = False
while True:
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part:
        break
    shown += part
    if not typed and b'value: ' in shown:
        os.write(fd, sys.argv[1].encode() + b'\\n')
        typed = True
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

test('at a terminal the value is asked for, and not shown', async () => {
  const words = ['sandbox', 'secret', 'set', 'TYPED', '--data-dir', server.dataDir];
  const { stdout } = await promisify(execFile)('python3', ['-c', AT_A_TERMINAL, value('typed by a person'), AMPD, ...words]);
  assert.equal(stdout, 'Enter secret value: \r\nSuccessfully created version 1 of secret TYPED\r\n');
  assert.match((await secret(['get', 'TYPED'], { dataDir: server.dataDir })).out, /\nvalue: typed by a person\n/);
});

test('wrong use is told, and the value is never in what is said', async () => {
  const where = { dataDir: server.dataDir };
  for (const [words, code, said] of [
    [['set', 'a/b'], 1, /'a\/b' is no name of a secret/],
    [['set'], 2, /secret takes set NAME/],
    [['remove'], 2, /Either secret-name or all flag must be provided/],
    [['remove', 'X', '--all'], 2, /cannot be used together/],
    [['remove', 'NEVER_SET'], 1, /there is no secret 'NEVER_SET'/],
    [['frob'], 2, /secret takes set NAME/],
  ]) {
    const result = await secret(words, { ...where, input: 'not to be said' });
    assert.deepEqual([result.code, said.test(result.err)], [code, true], `${words}: ${result.err}`);
    assert.doesNotMatch(result.err + result.out, /not to be said/);
  }
  for (const input of ['', '\n', Buffer.from([0xff, 0xfe]), 'x'.repeat(9000)]) {
    assert.equal((await secret(['set', 'TOKEN'], { ...where, input })).code, 1);
  }
});

test('functions have it before their module is loaded; a new value with the next call, in a new process', async () => {
  await set('TOKEN', 'value for the function');
  const first = await invoke('reader');
  assert.deepEqual([first.atLoad, first.now, first.plain], [digest('value for the function'), digest('value for the function'), 'as it is']);
  assert.equal((await invoke('reader')).pid, first.pid);
  await set('TOKEN', 'changed value for the function');
  const second = await invoke('reader');
  assert.equal(second.atLoad, digest('changed value for the function'));
  assert.notEqual(second.pid, first.pid);
  await set('MISSING_ONE', 'not missing any more');
  assert.equal((await invoke('waiting')).atLoad, digest('not missing any more'));
  await secret(['remove', 'MISSING_ONE'], { dataDir: server.dataDir });
  await assert.rejects(() => invoke('waiting'), /'MISSING_ONE' of the function waiting is not set/);
});

test('a call whose process begins while a secret changes is answered by the next one', async () => {
  for (const turn of [1, 2, 3]) {
    const calls = Array.from({ length: 4 }, () => invoke('reader'));
    await set('TOKEN', `value of turn ${turn}`);
    for (const answer of await Promise.all(calls)) assert.ok(answer.pid > 0, JSON.stringify(answer));
  }
});

test('SSM: what a role may read it reads, decrypted when asked; the rest is refused', async () => {
  await set('TOKEN', 'read through the API');
  const own = '/amplify/secret/TOKEN';
  const shared = '/amplify/shared/TOKEN';
  const { parameters } = await invoke('reader', { names: [own, shared] });
  assert.deepEqual(parameters, { found: [[own, digest('read through the API')]], InvalidParameters: [shared] });
  assert.equal((await invoke('reader', { names: ['/amplify/secret/OTHER'] })).parameters, 'AccessDeniedException');
  assert.equal((await invoke('free', { names: [own] })).parameters, 'AccessDeniedException');
  assert.equal(await invoke('reader', { put: own }), 'AccessDeniedException');
  const stranger = client(SSMClient, await server.key('ssm:GetParametersByPath'));
  await assert.rejects(() => stranger.send(new GetParameterCommand({ Name: own })), { name: 'AccessDeniedException' });
  const forged = client(SSMClient, { accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey: 'x'.repeat(40) });
  await assert.rejects(() => forged.send(new GetParameterCommand({ Name: own })), { name: 'UnrecognizedClientException' });
});

test('SSM: put, get, get by path, delete', async () => {
  const put = (Name, Value, more = {}) => ssm.send(new PutParameterCommand({ Name, Value: value(Value), Type: 'SecureString', ...more }));
  assert.equal((await put('/app/a/one', 'one of the app')).Version, 1);
  await assert.rejects(() => put('/app/a/one', 'one of the app again'), { name: 'ParameterAlreadyExists' });
  assert.equal((await put('/app/a/one', 'one of the app again', { Overwrite: true })).Version, 2);
  await put('/app/a/deep/two', 'two of the app');
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name: '/app/a/one', WithDecryption: true }));
  assert.deepEqual(
    [Parameter.Value, Parameter.Version, Parameter.Type, Parameter.ARN.split(':parameter')[1], Parameter.LastModifiedDate instanceof Date],
    ['one of the app again', 2, 'SecureString', '/app/a/one', true],
  );
  const sealed = (await ssm.send(new GetParameterCommand({ Name: Parameter.ARN }))).Parameter.Value;
  assert.notEqual(sealed, Parameter.Value);
  const names = async (input) => (await ssm.send(new GetParametersByPathCommand({ Path: '/app/a', ...input }))).Parameters.map(({ Name }) => Name);
  assert.deepEqual(await names({}), ['/app/a/one']);
  assert.deepEqual(await names({ Recursive: true }), ['/app/a/deep/two', '/app/a/one']);
  const page = await ssm.send(new GetParametersByPathCommand({ Path: '/app/a/', Recursive: true, MaxResults: 1 }));
  assert.deepEqual(await names({ Recursive: true, NextToken: page.NextToken }), ['/app/a/one']);
  await assert.rejects(() => ssm.send(new GetParameterCommand({ Name: '/app/a/one:1' })), { name: 'ParameterVersionNotFound' });
  await assert.rejects(() => ssm.send(new GetParametersCommand({ Names: Array.from({ length: 11 }, (_, i) => `/x/${i}`) })), { name: 'ValidationException' });
  await assert.rejects(() => put('/bad name', 'never'), { name: 'ValidationException' });
  await ssm.send(new DeleteParameterCommand({ Name: '/app/a/one' }));
  await assert.rejects(() => ssm.send(new DeleteParameterCommand({ Name: '/app/a/one' })), { name: 'ParameterNotFound' });
  await assert.rejects(() => ssm.send(new GetParametersByPathCommand({ Path: `/${'a'.repeat(1500)}` })), { name: 'ValidationException', message: /at most 1011 characters/ });
  const Name = `${'a'.repeat(255)}ä${'b'.repeat(9)}`; // it is told up to a whole character
  await assert.rejects(() => ssm.send(new GetParameterCommand({ Name })), { name: 'ParameterNotFound', message: `Parameter ${Name.slice(0, 256)} not found.` });
});

test('a secret shared by several, put through the API, counts where there is no own; functions follow', async () => {
  const Name = '/amplify/shared/MISSING_ONE';
  await ssm.send(new PutParameterCommand({ Name, Value: value('shared by several'), Type: 'SecureString' }));
  assert.equal((await invoke('waiting')).atLoad, digest('shared by several'));
  await set('MISSING_ONE', 'own value comes first');
  assert.equal((await invoke('waiting')).atLoad, digest('own value comes first'));
});

test('two at a time: each makes a version', async () => {
  const results = await Promise.all(Array.from({ length: 4 }, (_, i) => set('RACE', `racing value ${i}`)));
  assert.deepEqual(results.map(({ out }) => /version (\d)/.exec(out)[1]).sort(), ['1', '2', '3', '4']);
});

function* filesIn(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(name);
    else if (entry.isFile()) yield name;
  }
}

test('set and get while no server runs; afterwards no value is in any file, log or answer', async (t) => {
  const other = await serve('secrets', { watch: true });
  t.after(() => other.child.kill('SIGKILL'));
  await secret(['set', 'TOKEN'], { input: value('set while it runs'), dataDir: other.dataDir });
  await other.stop();
  assert.match((await secret(['get', 'TOKEN'], { dataDir: other.dataDir })).out, /\nvalue: set while it runs\n/);
  assert.equal((await secret(['set', 'DOWN'], { input: value('set while it is down'), dataDir: other.dataDir })).code, 0);
  assert.equal((await secret(['list'], { dataDir: other.dataDir })).out, ' - DOWN\n - TOKEN\n');
  assert.equal((await secret(['remove', '--all'], { dataDir: other.dataDir })).out, 'Successfully removed all secrets\n');
  assert.match((await secret(['list'], { dataDir: other.dataDir })).out, /No sandbox secrets found/);
  let count = 0;
  for (const place of [server, other]) {
    for (const file of filesIn(place.folder)) {
      const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0); // it may have its final name by now
      count += 1;
      for (const text of SECRETS) {
        for (const form of [text.trimEnd(), Buffer.from(text.trimEnd()).toString('base64').replace(/=+$/, ''), JSON.stringify(text.trimEnd()).slice(1, -1)]) {
          assert.equal(bytes.includes(form), false, `${file} holds the secret "${text}"`);
        }
      }
    }
    for (const text of SECRETS) assert.equal(place.log().includes(text.trimEnd()), false, `the log tells "${text}"`);
  }
  assert.ok(count > 10);
  assert.equal(statSync(path.join(server.dataDir, 'data.db')).mode & 0o077, 0);
  await other.end();
});
