// Lambda's API and what a handler finds, through the official client.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { GetFunctionCommand, InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { isAlive, serve, until } from './serve.mjs';

let server;
let lambda;

before(async () => {
  server = await serve('probe', { watch: true });
  lambda = clientOf(await server.key());
});
after(() => server.end());

const clientOf = (credentials) => new LambdaClient({ region: 'us-east-1', endpoint: server.origin, credentials, maxAttempts: 1 });

async function invoke(FunctionName, event, options = {}, client = lambda) {
  const Payload = event === undefined ? undefined : JSON.stringify(event);
  const answer = await client.send(new InvokeCommand({ FunctionName, Payload, ...options }));
  const text = answer.Payload?.transformToString();
  return { ...answer, text, value: text ? JSON.parse(text) : undefined };
}

const probe = (what, more = {}, options = {}) => invoke('probe', { do: what, ...more }, options);
test('a call and its answer', async () => {
  const answer = await probe('echo', { nested: { list: [1, null, 'ü'] } });
  assert.equal(answer.StatusCode, 200);
  assert.equal(answer.ExecutedVersion, '$LATEST');
  assert.equal(answer.FunctionError, undefined);
  assert.equal(answer.LogResult, undefined);
  assert.deepEqual(answer.value, { do: 'echo', nested: { list: [1, null, 'ü'] } });
  assert.equal((await probe('nothing')).text, 'null');
});

test('a function is found by its name and its ARN', async () => {
  const { invokedFunctionArn } = (await probe('context')).value;
  assert.match(invokedFunctionArn, /^arn:aws:lambda:us-east-1:\d{12}:function:probe$/);
  assert.equal((await invoke(invokedFunctionArn, { do: 'pid' })).FunctionError, undefined);
  await assert.rejects(invoke('nobody', {}), { name: 'ResourceNotFoundException' });
});

test('the context', async () => {
  const { value } = await probe('context');
  assert.equal(value.functionName, 'probe');
  assert.equal(value.functionVersion, '$LATEST');
  assert.equal(value.memoryLimitInMB, '256');
  assert.equal(value.logGroupName, '/aws/lambda/probe');
  assert.match(value.awsRequestId, /^[-0-9a-f]{36}$/);
  assert.equal(value.callbackWaitsForEmptyEventLoop, true);
  assert.ok(value.left > 1000 && value.left <= 3000, String(value.left));
  for (const name of ['done', 'fail', 'succeed', 'getRemainingTimeInMillis']) assert.ok(value.keys.includes(name), name);
});

test('the client context', async () => {
  const given = { client: { installation_id: 'i' }, custom: { a: 'b' } };
  const { value } = await probe('context', {}, { ClientContext: Buffer.from(JSON.stringify(given)).toString('base64') });
  assert.deepEqual(value.clientContext, given);
});

test('the environment is what Lambda and the definitions say, and nothing of the server\'s', async () => {
  const { value } = await probe('environment');
  const { variables, greeting } = value;
  assert.equal(greeting, 'Hello');
  assert.equal(variables.AWS_REGION, 'us-east-1');
  assert.equal(variables.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, '256');
  assert.match(variables.AWS_EXECUTION_ENV, /^AWS_Lambda_nodejs\d+\.x$/);
  assert.ok(variables.AWS_ENDPOINT_URL.endsWith(new URL(server.origin).port));
  const known = new Set([
    'AWS_ACCESS_KEY_ID', 'AWS_DEFAULT_REGION', 'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_EXECUTION_ENV',
    'AWS_LAMBDA_FUNCTION_MEMORY_SIZE', 'AWS_LAMBDA_FUNCTION_NAME', 'AWS_LAMBDA_FUNCTION_VERSION',
    'AWS_LAMBDA_INITIALIZATION_TYPE', 'AWS_LAMBDA_LOG_FORMAT', 'AWS_LAMBDA_LOG_GROUP_NAME', 'AWS_LAMBDA_LOG_LEVEL',
    'AWS_LAMBDA_LOG_STREAM_NAME', 'AWS_LAMBDA_RUNTIME_API', 'AWS_REGION', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN',
    'GREETING', 'HOME', 'LAMBDA_RUNTIME_DIR', 'LAMBDA_TASK_ROOT', 'LANG', 'NODE_EXTRA_CA_CERTS', 'PATH', 'TZ', '_HANDLER', '_X_AMZN_TRACE_ID',
  ]);
  assert.deepEqual(Object.keys(variables).filter((name) => !known.has(name)), []);
});

test('the Runtime API of a process is for nobody else', async () => {
  const { value } = await probe('stranger');
  assert.deepEqual(value, [403, 403]);
});

test('the end of the log comes with the answer when it is asked for', async () => {
  const { LogResult, value } = await probe('log', {}, { LogType: 'Tail' });
  assert.equal(value, 'said');
  const log = Buffer.from(LogResult, 'base64').toString();
  const id = /START RequestId: (\S+) Version: \$LATEST\n/.exec(log)[1];
  assert.match(log, new RegExp(`^\\S+Z\\t${id}\\tINFO\\tone line \\{ a: 1 \\}$`, 'm'));
  assert.match(log, new RegExp(`^\\S+Z\\t${id}\\tERROR\\tanother$`, 'm'));
  assert.match(log, /^raw$/m);
  assert.match(log, new RegExp(`^END RequestId: ${id}\nREPORT RequestId: ${id}\tDuration: [\\d.]+ ms\tBilled Duration: \\d+ ms\tMemory Size: 256 MB`, 'm'));
});

test('CommonJS, and what goes with it', async () => {
  assert.deepEqual((await invoke('common', { value: 5 })).value, { common: 5, file: 'string', here: 'function' });
});

// ---- errors ------------------------------------------------------------------------------------

async function fails(what, type, message) {
  const { FunctionError, StatusCode, value } = await probe(what);
  assert.equal(StatusCode, 200);
  assert.equal(FunctionError, 'Unhandled', JSON.stringify(value));
  assert.equal(value.errorType, type);
  assert.match(value.errorMessage, message);
  assert.equal((await probe('echo')).FunctionError, undefined); // the next call is served
  return value;
}

test('an error is told with its type, its text and where it was thrown', async () => {
  const { trace } = await fails('throw', 'Own', /^thrown$/);
  assert.match(trace.join('\n'), /functions\/probe\.ts:\d+:\d+/);
});
test('a text that is thrown', () => fails('string', 'string', /^a text$/));
test('a process that ends itself', () => fails('exit', 'Runtime.ExitError', /Runtime exited with error: exit status 9$/));
test('a rejection that nobody handles', () => fails('rejection', 'Runtime.UnhandledPromiseRejection', /nobody waits/));
test('an exception in a timer', () => fails('timer', 'TypeError', /^in a timer$/));
test('a call that takes too long', () => fails('time', 'Sandbox.Timedout', /Task timed out after 3\.00 seconds$/));
test('a promise that can not be settled', async () => assert.equal((await probe('never')).text, 'null'));
test('a response that is too large', () => fails('large', 'Function.ResponseSizeTooLarge', /exceeded maximum allowed payload size/));
test('a result in a circle', () => fails('circle', 'Error', /^Unable to stringify response body$/));
test('a result that JSON does not know', () => fails('big', 'Error', /^Unable to stringify response body$/));

test('a handler that fails while it is loaded', async () => {
  const { FunctionError, value } = await invoke('atload', {});
  assert.equal(FunctionError, 'Unhandled');
  assert.equal(value.errorType, 'RangeError');
  assert.equal(value.errorMessage, 'at load');
});

test('a module without a handler', async () => {
  const { FunctionError, value } = await invoke('unnamed', {});
  assert.equal(FunctionError, 'Unhandled');
  assert.equal(value.errorType, 'Runtime.HandlerNotFound');
});

test('sources that do not bundle are told with file and line, at start and when called', async () => {
  assert.match(server.log(), /functions\/garbled\.ts:2:\d+/);
  assert.match(server.log(), /functions\/lost\.ts:1:\d+/);
  await assert.rejects(invoke('garbled', {}), (error) => {
    assert.equal(error.name, 'ServiceException');
    assert.match(JSON.stringify([error.message, error.Message]), /garbled\.ts:2:\d+/);
    return true;
  });
});

test('payloads that are no JSON, or too large', async () => {
  await assert.rejects(lambda.send(new InvokeCommand({ FunctionName: 'probe', Payload: 'no json' })), { name: 'InvalidRequestContentException' });
  const sized = (bytes) => ({ do: 'pid', text: 'x'.repeat(bytes - JSON.stringify({ do: 'pid', text: '' }).length) });
  await assert.rejects(invoke('probe', sized(6_291_457)), { name: 'RequestTooLargeException' });
  assert.equal((await invoke('probe', sized(6_291_456))).FunctionError, undefined);
});

test('operations that manage functions say that the definitions do', async () => {
  for (const command of [new ListFunctionsCommand({}), new GetFunctionCommand({ FunctionName: 'probe' })]) {
    await assert.rejects(lambda.send(command), { name: 'NotImplementedException', message: /managed by the definitions/ });
  }
});

test('a version that was never made is not found', async () => {
  await assert.rejects(invoke('probe', { do: 'pid' }, { Qualifier: '7' }), {
    name: 'ResourceNotFoundException', message: /^Function not found: arn:aws:lambda:.*:probe:7$/,
  });
  assert.equal((await invoke('probe', { do: 'pid' }, { Qualifier: '$LATEST' })).FunctionError, undefined);
});

// ---- callbacks ---------------------------------------------------------------------------------

test('a callback ends the call when nothing is left to do, or at once', async () => {
  const waiting = Date.now();
  await invoke('callback', { waits: true });
  assert.ok(Date.now() - waiting >= 390, `${Date.now() - waiting} ms`);
  await invoke('callback', { waits: false });
  const { value } = await invoke('callback', { waits: false });
  assert.ok(Date.now() - value.begun < 390, `${Date.now() - value.begun} ms`);
  assert.equal((await invoke('callback', { waits: false, late: true })).value, 'late');
  const failed = await invoke('callback', { waits: false, fails: true });
  assert.equal(failed.FunctionError, 'Unhandled');
  assert.equal(failed.value.errorType, 'RangeError');
});

// ---- kinds of calls ----------------------------------------------------------------------------

test('DryRun checks and runs nothing', async () => {
  const { StatusCode, text } = await probe('exit', {}, { InvocationType: 'DryRun' });
  assert.equal(StatusCode, 204);
  assert.ok(!text);
});

test('an Event is answered at once and tried again until it goes well, three times at most', async () => {
  const tries = async (fails, times) => {
    const file = path.join(server.folder, `tries-${fails}`);
    writeFileSync(file, '');
    const { StatusCode } = await invoke('flaky', { file, fails }, { InvocationType: 'Event' });
    assert.equal(StatusCode, 202);
    await until(() => readFileSync(file, 'utf8').length === times, `${times} tries`);
    return file;
  };
  await tries(0, 1);
  await tries(1, 2);
  await tries(9, 3);
});

// ---- processes ---------------------------------------------------------------------------------

test('calls at the same time have processes of their own, calls one after the other share one', async () => {
  const answers = await Promise.all(Array.from({ length: 4 }, () => invoke('slow', { ms: 1500 })));
  assert.equal(new Set(answers.map(({ value }) => value.pid)).size, 4);
  assert.deepEqual(answers.map(({ value }) => value.count), [1, 1, 1, 1]);
  const next = await invoke('slow', { ms: 0 });
  assert.equal(next.value.count, 2);
});

test('a process that is killed fails its call, and the next one has another', async () => {
  const { value: pid } = await probe('pid');
  process.kill(pid, 'SIGKILL');
  await until(() => !isAlive(pid), 'the end of the process');
  const { value: next, FunctionError } = await probe('pid'); // whether the server has heard of the end or not
  assert.equal(FunctionError, undefined, JSON.stringify(next));
  assert.notEqual(next, pid);
  const call = probe('time');
  await until(() => server.log().split('START').length > 0 && isAlive(next), 'the call');
  process.kill(next, 'SIGKILL');
  const { value } = await call;
  assert.ok(['Runtime.ExitError', 'Sandbox.Timedout'].includes(value.errorType), value.errorType);
});

test('a process that answers and does not ask for more is ended', async () => {
  const { value: pid } = await probe('block');
  await until(() => !isAlive(pid), 'the end of the process');
  assert.notEqual((await probe('pid')).value, pid);
});

test('a change of the handler\'s file is served without a new start', async () => {
  assert.equal((await invoke('changing', {})).value, 'first');
  writeFileSync(path.join(server.project, 'amplify/functions/changing.ts'), "export const handler = async () => 'second';\n");
  await until(async () => (await invoke('changing', {})).value === 'second', 'the new handler', 60_000);
});

// ---- rights ------------------------------------------------------------------------------------

test('a variable of the environment that can have no such name is told of, and nothing else happens', async () => {
  for (const [name, variable] of [['nameless', "''"], ['misnamed', "'A=B'"]]) {
    await assert.rejects(invoke(name, {}), (error) => error.message.includes(`The function ${name} has ${variable} as a variable of its environment`));
  }
  assert.equal((await fetch(`${server.origin}/_ampd/health`)).status, 200);
});

test('an access key invokes only with the right to', async () => {
  const other = clientOf(await server.key('cognito-idp:AdminGetUser'));
  await assert.rejects(invoke('probe', { do: 'echo' }, {}, other), { name: 'AccessDeniedException' });
  const narrow = clientOf(await server.key('lambda:InvokeFunction'));
  assert.equal((await invoke('probe', { do: 'echo' }, {}, narrow)).FunctionError, undefined);
  const wrong = clientOf({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x'.repeat(40) });
  await assert.rejects(invoke('probe', { do: 'echo' }, {}, wrong), (error) => error.$metadata.httpStatusCode === 403);
});

// ---- ampd invoke -------------------------------------------------------------------------------

test('ampd invoke prints what a function returns', async () => {
  const { stdout, stderr } = await server.ampd('invoke', 'probe', '--payload', '{"do":"log"}', '--log');
  assert.equal(stdout, '"said"\n');
  assert.match(stderr, /^START RequestId: .*\n[^]*REPORT RequestId/);
  for (const odd of [false, true]) { // once, whatever the bytes of its log
    const calls = path.join(server.folder, `calls-${odd}`);
    const said = await server.ampd('invoke', 'probe', '--payload', JSON.stringify({ do: 'umlauts', file: calls, odd }), '--log');
    assert.deepEqual([said.stdout, readFileSync(calls, 'utf8')], ['"said"\n', 'x']);
    assert.match(said.stderr, /ä{100}/);
  }
  const failed = await server.ampd('invoke', 'probe', '--payload', '{"do":"throw"}').catch((error) => error);
  assert.equal(failed.code, 1);
  assert.equal(JSON.parse(failed.stdout).errorType, 'Own');
  const file = path.join(server.folder, 'tries-cli');
  writeFileSync(file, '');
  const payload = path.join(server.folder, 'payload.json');
  writeFileSync(payload, JSON.stringify({ file, fails: 0 }));
  assert.equal((await server.ampd('invoke', 'flaky', '--async', '--payload', `@${payload}`)).stdout, '');
  await until(() => readFileSync(file, 'utf8') === 'x', 'the run');
  const nobody = await server.ampd('invoke', 'nobody').catch((error) => error);
  assert.match(nobody.stderr, /^ampd: Function not found: nobody/);
  assert.equal((await server.ampd('invoke', 'probe', '--payload', '{').catch((error) => error)).code, 1);
  assert.equal((await server.ampd('invoke').catch((error) => error)).code, 2);
});

test('no process is left when the server has ended', async () => {
  const other = await serve('probe');
  const credentials = await other.key();
  const client = new LambdaClient({ region: 'us-east-1', endpoint: other.origin, credentials });
  const { value: pid } = await invoke('probe', { do: 'pid' }, {}, client);
  assert.ok(isAlive(pid));
  await other.end();
  assert.ok(!isAlive(pid));
});

test('what a handler has started outside of its group ends with it', async () => {
  const other = await serve('probe');
  const client = new LambdaClient({ region: 'us-east-1', endpoint: other.origin, credentials: await other.key() });
  const { value: pid } = await invoke('probe', { do: 'leave' }, {}, client);
  assert.ok(isAlive(pid));
  await other.end();
  assert.ok(!isAlive(pid));
});
