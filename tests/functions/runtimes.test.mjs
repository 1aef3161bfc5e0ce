// Other runtimes than ours for Node.js: Python, a program that speaks the Runtime API itself, code that is not bundled.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { serve, until } from './serve.mjs';

let server;
let lambda;

before(async () => {
  server = await serve('runtimes', { watch: true });
  lambda = new LambdaClient({ region: 'us-east-1', endpoint: server.origin, credentials: await server.key(), maxAttempts: 1 });
});
after(() => server.end());

async function invoke(FunctionName, event = {}, options = {}) {
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), ...options }));
  const text = answer.Payload.transformToString();
  return { ...answer, text, value: JSON.parse(text), log: answer.LogResult && Buffer.from(answer.LogResult, 'base64').toString() };
}

const snake = (what, more = {}, options = {}) => invoke('snake', { do: what, ...more }, options);

async function fails(name, event, type, message) {
  const { FunctionError, value } = await invoke(name, event);
  assert.equal(FunctionError, 'Unhandled', JSON.stringify(value));
  assert.equal(value.errorType, type);
  assert.match(value.errorMessage, message);
  return value;
}

// ---- Python ------------------------------------------------------------------------------------

test('Python: a call and its answer', async () => {
  const { value, StatusCode } = await snake('echo', { nested: { list: [1, null, 'ü'] } });
  assert.equal(StatusCode, 200);
  assert.deepEqual(value, { do: 'echo', nested: { list: [1, null, 'ü'] } });
  assert.equal((await snake('nothing')).text, 'null');
});

test('Python: the context', async () => {
  const custom = { a: 'b' };
  const { value } = await snake('context', {}, { ClientContext: Buffer.from(JSON.stringify({ custom })).toString('base64') });
  assert.equal(value.name, 'snake');
  assert.equal(value.memory, '256');
  assert.match(value.id, /^[-0-9a-f]{36}$/);
  assert.match(value.arn, /^arn:aws:lambda:us-east-1:\d{12}:function:snake$/);
  assert.match(value.stream, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  assert.ok(value.left > 1000 && value.left <= 5000, String(value.left));
  assert.deepEqual(value.client, custom);
  assert.equal(value.identity, null);
  for (const name of ['aws_request_id', 'client_context', 'function_version', 'identity', 'log', 'log_group_name', 'memory_limit_in_mb']) {
    assert.ok(value.names.includes(name), name);
  }
});

test('Python: the environment', async () => {
  const { variables, cwd } = (await snake('environment')).value;
  assert.equal(variables.GREETING, 'Hello');
  assert.equal(Object.keys(variables).filter((name) => name.startsWith('MANY_')).length, 400);
  assert.equal(variables.MANY_399, 'value 399');
  assert.equal(variables.AWS_EXECUTION_ENV, 'AWS_Lambda_python3.12');
  assert.equal(variables._HANDLER, 'app.handler');
  assert.equal(variables.LAMBDA_TASK_ROOT, path.join(server.project, 'amplify/python'));
  assert.equal(cwd, variables.LAMBDA_TASK_ROOT);
  assert.equal(variables.AMPD_RUNTIME_TOKEN, undefined);
  assert.ok(variables.AWS_SESSION_TOKEN);
});

test('Python: a process serves one call after the other', async () => {
  const first = (await snake('count')).value;
  assert.equal((await snake('count')).value, first + 1);
});

test('Python: what it prints and logs', async () => {
  const { log, value } = await snake('log', {}, { LogType: 'Tail' });
  assert.equal(value, 'said');
  const [, id] = /START RequestId: (\S+) Version/.exec(log);
  assert.match(log, /^printed$/m);
  assert.match(log, new RegExp(`^\\[INFO\\]\\t\\S+Z\\t${id}\\tone line$`, 'm'));
  assert.match(log, new RegExp(`^\\[ERROR\\]\\t\\S+Z\\t${id}\\ttwo\\rlines$`, 'm'));
  assert.match(log, /^raw$/m);
});

test('Python: an exception has its type, its text and where it was raised', async () => {
  const { stackTrace, requestId } = await fails('snake', { do: 'throw' }, 'Own', /^thrown$/);
  assert.match(stackTrace.join(''), /app\.py", line \d+, in handler\n.*\n.*app\.py", line \d+, in thrower/);
  assert.match(requestId, /^[-0-9a-f]{36}$/);
});

test('Python: what Lambda reports itself', async () => {
  await fails('snake', { do: 'unserialisable' }, 'Runtime.MarshalError', /^Unable to marshal response: Object of type object is not JSON serializable$/);
  await fails('snake', { do: 'exit' }, 'Runtime.ExitError', /Runtime exited with error: exit status 7$/);
  await fails('snake', { do: 'sleep' }, 'Sandbox.Timedout', /Task timed out after 5\.00 seconds$/);
  await fails('snake', { do: 'large' }, 'Function.ResponseSizeTooLarge', /exceeded maximum allowed payload size/);
  await fails('snake-broken', {}, 'Runtime.UserCodeSyntaxError', /^Syntax error in module 'broken': .*\(broken\.py:1\)$/);
  await fails('snake-missing', {}, 'Runtime.ImportModuleError', /^Unable to import module 'nowhere': No module named 'nowhere'$/);
  await fails('snake-unnamed', {}, 'Runtime.HandlerNotFound', /^Handler 'nobody' missing on module 'app'$/);
  assert.equal((await snake('echo')).FunctionError, undefined);
});

test('Python: code given in the definitions', async () => assert.equal((await invoke('inline')).value, 'inline'));

test('Python: a change of a module is served without a new start', async () => {
  const file = path.join(server.project, 'amplify/python/app.py');
  writeFileSync(file, 'def handler(event, context):\n    return "changed"\n');
  await until(async () => (await invoke('snake')).value === 'changed', 'the new module', 60_000);
});

// ---- others ------------------------------------------------------------------------------------

test('a runtime of its own that knows only what AWS documents', async () => {
  const { value } = await invoke('custom', { a: 1 });
  assert.deepEqual(value.event, { a: 1 });
  assert.equal(value.handler, 'own.handler');
  assert.match(value.deadline, /^\d{13}$/);
  assert.equal(value.variables.AWS_EXECUTION_ENV, undefined);
  assert.deepEqual(Object.keys(value.variables).filter((name) => name.startsWith('AMPD_')), []);
  assert.equal(value.variables.LAMBDA_TASK_ROOT, path.join(server.project, 'amplify/custom'));
  await fails('custom', { fail: true }, 'Custom.Failed', /^as told$/);
});

test('the Runtime API of a runtime that has no token is for its own process', async () => {
  const { api, id } = (await invoke('custom')).value;
  await assert.rejects(fetch(`http://${api}/2018-06-01/runtime/invocation/next`));
  await assert.rejects(fetch(`http://${api}/2018-06-01/runtime/invocation/${id}/response`, { method: 'POST', body: '"forged"' }));
  assert.equal((await invoke('custom')).FunctionError, undefined);
});

test('a runtime of its own that can not start says why, with a type or without', async () => {
  const { value, FunctionError } = await invoke('unready');
  assert.equal(FunctionError, 'Unhandled');
  assert.deepEqual([value.errorType, value.errorMessage], ['Runtime.InitError', 'no config']);
});

test('bundling.local.tryBundle makes the code, and makes it again when its folder changes', async () => {
  assert.deepEqual((await invoke('packed')).value, [42, 'first']);
  assert.equal((await invoke('compiled')).value.handler, 'own.handler');
  const file = path.join(server.project, 'amplify/bundled/packed.py');
  writeFileSync(file, 'from installed import answer\n\n\ndef handler(event, context):\n    return [answer, "second"]\n');
  await until(async () => (await invoke('packed')).value[1] === 'second', 'the new code', 60_000);
});

test('code for Node.js that is not bundled', async () => {
  const { value } = await invoke('plain', { a: 1 });
  const root = path.join(server.project, 'amplify/plain');
  assert.deepEqual(value, { plain: { a: 1 }, root, env: 'AWS_Lambda_nodejs20.x', cwd: root });
});

test('what can not be run is told, and the rest is served', async () => {
  const refused = (name, message) =>
    assert.rejects(invoke(name), (error) => {
      assert.equal(error.name, 'ServiceException');
      assert.match(JSON.stringify([error.message, error.Message]), message);
      return true;
    });
  await refused('java', /java is for the runtime java21, which is not served/);
  await refused('hasty', /hasty has 0 as its timeoutSeconds, which is from 1 to 900/);
  await refused('dockerised', /dockerised can not be run: its code is to be bundled in Docker, which is not used here/);
  await refused('empty', /empty has a runtime of its own, and .*plain\/bootstrap is not there/);
});
