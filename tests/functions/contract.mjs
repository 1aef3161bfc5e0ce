// What a handler may rely on, as AWS's own runtime client does it: the same tests run with ours and with that one.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { serve, until } from './serve.mjs';

const fails = (errorType, errorMessage) => ({ errorType, errorMessage });
const UNSERIALISABLE = fails('Error', /^Unable to stringify response body$/);

// What comes back: a value, or how it fails.
const CASES = {
  nothing: null, null: null, zero: 0, false: false, empty: '', text: 'grüße 👋 \u2028 \u0000', list: [1, null, null],
  date: '1970-01-01T00:00:00.000Z', map: {}, bytes: { type: 'Buffer', data: [97, 98] }, nan: [null, null], own: 'by toJSON', error: {},
  bigint: UNSERIALISABLE, circle: UNSERIALISABLE, callcircle: UNSERIALISABLE,

  sync: null, callback: 'called back', calllater: 'called later', callerror: fails('Named', /^called with$/),
  calltext: fails('string', /^only a text$/), callnothing: null, calltwice: 'first', callatonce: { waited: false },
  drained: null, never: null, thenfails: fails('Named', /^by then$/), succeed: { by: 'succeed' },
  fail: fails('Named', /^by fail$/), failnothing: fails('string', /^handled$/), done: 'by done', donefails: fails('string', /^by done$/),
  both: 'callback', asyncthrow: fails('Named', /^after a while$/),

  throw: fails('TypeError', /^thrown$/), throwtext: fails('string', /^a text$/), thrownumber: fails('number', /^42$/),
  throwobject: fails('object', /^\[object Object\]$/), throwlike: fails('Like', /^an error$/), throwcoded: fails('Error', /^with a code$/),
  throwunnamed: fails('Error', /^without a name$/), throwcause: fails('Error', /^outer$/), throwmany: fails('AggregateError', /^several$/),
  throwempty: fails('Error', /^$/), throwlong: fails('Error', /^first line\nsecond line$/), throwodd: fails('Ä ö', /^a%7Fb$/),
  throwunreadable: fails('handled', /^callback called with Error argument, but there was a problem/),
  rejecttext: fails('string', /^a text$/), rejectnothing: fails('string', /^handled$/), rejectnull: fails('string', /^handled$/),
  unhandled: fails('Runtime.UnhandledPromiseRejection', /^Named: nobody waits$/),
  unhandledtext: fails('Runtime.UnhandledPromiseRejection', /^only a text$/),
  uncaught: fails('Named', /^in a timer$/), uncaughttext: fails('string', /^a text in a timer$/),
  exit0: fails('Runtime.ExitError', /^RequestId: [-0-9a-f]{36} Error: Runtime exited with/),
  exit3: fails('Runtime.ExitError', /^RequestId: [-0-9a-f]{36} Error: Runtime exited with error: exit status 3$/),
  killed: fails('Runtime.ExitError', /^RequestId: [-0-9a-f]{36} Error: Runtime exited with error: signal: killed$/),

  signals: ['AbortError', 'TimeoutError'], thread: 42, child: '42', clock: 'in 1970', request: true,
};

// How loading fails.
const LOADS = {
  loadthrows: fails('RangeError', /^while loading$/), loadrejects: fails('TypeError', /^a rejection while loading$/),
  loadtext: fails('string', /^only a text$/),
  loadsyntax: fails('Runtime.UserCodeSyntaxError', /^SyntaxError: .*JSON/), loadexits: fails('Runtime.ExitError', /exit status 5$/),
  loadmissing: fails('Error', /Cannot find package 'nobody-has-this-package'/),
  nohandler: fails('Runtime.HandlerNotFound', /^index\.handler is undefined or not exported$/),
  nofunction: fails('Runtime.HandlerNotFound', /^index\.handler is not a function$/),
};

/** Defines the tests. @param {{env?: Record<string, string>, isOurs?: boolean}} options of the server */
export function contract({ env = {}, isOurs = true } = {}) {
  let server;
  let lambda;

  before(async () => {
    server = await serve('contract', { env });
    lambda = new LambdaClient({ region: 'us-east-1', endpoint: server.origin, credentials: await server.key(), maxAttempts: 1 });
  });
  after(() => server?.end());

  async function invoke(FunctionName, event, options = {}) {
    const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType: 'Tail', ...options }));
    const text = answer.Payload.transformToString();
    const log = Buffer.from(answer.LogResult, 'base64').toString();
    return { log, text, failed: answer.FunctionError !== undefined, value: text === '' ? undefined : JSON.parse(text) };
  }
  const run = (name, more = {}, options = {}) => invoke('cases', { do: name, ...more }, options);

  function check(answer, expected) {
    if (expected?.errorMessage instanceof RegExp) {
      assert.equal(answer.failed, true, answer.text);
      assert.equal(answer.value.errorType, expected.errorType, answer.text);
      assert.match(answer.value.errorMessage, expected.errorMessage);
    } else {
      assert.equal(answer.failed, false, answer.text);
      assert.deepEqual(answer.value, expected);
    }
  }

  for (const [name, expected] of Object.entries(CASES)) {
    test(`handler ${name}`, async () => check(await run(name), expected));
  }
  for (const [name, expected] of Object.entries(LOADS)) {
    test(`loading ${name}`, async () => check(await invoke(name, {}), expected));
  }

  // ---- settling --------------------------------------------------------------------------------

  test('a callback waits until nothing is left to do', async () => assert.ok((await run('callwaits')).value.ms >= 195));

  test('a promise does not wait for timers', async () => {
    const begun = Date.now();
    assert.equal((await run('pending')).value, 'at once');
    assert.ok(Date.now() - begun < 1400, `${Date.now() - begun} ms`);
  });

  test('events are any JSON', async () => {
    for (const event of ['a text', 7, null, true, [], ['x', { y: 1 }], {}]) {
      assert.deepEqual((await invoke('cases', event)).value, { event, kind: typeof event });
    }
    const event = { do: 'echo', deep: { list: [null, 'ü \u2028 👋', -1.5e10, ''] }, __proto__x: 1 };
    assert.deepEqual((await invoke('cases', event)).value, event);
  });

  test('six megabytes each way, and no more', async () => {
    assert.equal((await run('length', { text: 'x'.repeat(6_000_000) })).value, 6_000_000);
    assert.equal((await run('large', { size: 6_000_000 })).value.length, 6_000_000);
    const { value } = await run('large', { size: 6_291_556 });
    assert.deepEqual(value, {
      errorType: 'Function.ResponseSizeTooLarge',
      errorMessage: 'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
    });
    await assert.rejects(run('length', { text: 'x'.repeat(6_291_556) }), { name: 'RequestTooLargeException' });
    assert.deepEqual((await run('echo')).value, { do: 'echo' });
  });

  test('time-outs', async () => {
    const { value: { pid } } = await invoke('second', {});
    for (const event of [{ sleep: true }, { spin: true }]) {
      const { value, log } = await invoke('second', event);
      assert.equal(value.errorType, 'Sandbox.Timedout');
      const [, id] = /^RequestId: (\S+) Error: Task timed out after 1\.00 seconds$/.exec(value.errorMessage);
      assert.match(log, new RegExp(`^\\S+Z ${id} Task timed out after 1\\.00 seconds$`, 'm'));
    }
    const { value } = await invoke('second', {});
    assert.equal(value.calls, 1);
    assert.notEqual(value.pid, pid);
  });

  test('loading has time of its own', async () => {
    const { value, text } = await invoke('slowload', {});
    assert.ok(value > 800 && value <= 1000, text);
  });

  // ---- errors ----------------------------------------------------------------------------------

  test('a stack tells file and line of the TypeScript', async () => {
    const { value, log } = await run('place');
    assert.equal(value.trace[0], 'Named: placed');
    assert.match(value.trace[1], /^ {4}at inner \(.*amplify\/functions\/cases\.ts:\d+:\d+\)$/);
    assert.ok(value.trace.every((line, at) => at === 0 || /^ {4}at /.test(line)), value.trace.join('\n'));
    assert.deepEqual(Object.keys(value), ['errorType', 'errorMessage', 'trace']);
    assert.match(log, /\tERROR\tInvoke Error \t\{"errorType":"Named","errorMessage":"placed","name":"Named","stack":\["Named: placed","    at inner \(.*cases\.ts:/);
  });

  test('what is thrown and is no error has no trace', async () => {
    assert.deepEqual((await run('throwtext')).value, { errorType: 'string', errorMessage: 'a text', trace: [] });
    assert.deepEqual((await run('throwlike')).value.trace, ['Like: an error', '    at nowhere']);
  });

  test('the log has what else an error has', async () => {
    const coded = await run('throwcoded');
    assert.match(coded.log, /\tERROR\tInvoke Error \t\{"errorType":"Error","errorMessage":"with a code","code":"E_CODED","statusCode":409,"list":\[1\],"stack":\[/);
    assert.match((await run('throwobject')).log, /\tERROR\tInvoke Error \t\{"errorType":"Error","errorMessage":"\[object Object\]","stack":\["Error: \[object Object\]"/);
    assert.match((await run('unhandled')).log, /\tERROR\tUnhandled Promise Rejection \t\{"errorType":"Runtime\.UnhandledPromiseRejection","errorMessage":"Named: nobody waits","reason":\{"errorType":"Named","errorMessage":"nobody waits","name":"Named","stack":\[[^\]]*\]\},"promise":\{\},"stack":\["Runtime\.UnhandledPromiseRejection: Named: nobody waits"/);
    assert.match((await run('uncaught')).log, /\tERROR\tUncaught Exception \t\{"errorType":"Named","errorMessage":"in a timer",/);
  });

  // ---- what a handler finds --------------------------------------------------------------------

  test('the context', async () => {
    const { value } = await run('context');
    assert.deepEqual([value.functionName, value.functionVersion, value.memoryLimitInMB], ['cases', '$LATEST', '256']);
    assert.match(value.awsRequestId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.match(value.invokedFunctionArn, /^arn:aws:lambda:us-east-1:\d{12}:function:cases$/);
    assert.equal(value.logGroupName, '/aws/lambda/cases');
    assert.match(value.logStreamName, /\[\$LATEST\]/);
    assert.equal(value.callbackWaitsForEmptyEventLoop, true);
    assert.deepEqual(value.keys, [
      'callbackWaitsForEmptyEventLoop', 'succeed', 'fail', 'done', 'functionVersion', 'functionName', 'memoryLimitInMB', 'logGroupName',
      'logStreamName', 'clientContext', 'identity', 'invokedFunctionArn', 'awsRequestId', 'tenantId', 'getRemainingTimeInMillis',
    ]);
    assert.deepEqual(value.kinds, Array(4).fill('function'));
    assert.ok(value.left > 2000 && value.left <= 4000 && value.later <= value.left - 25, `${value.left} ${value.later}`);
    assert.deepEqual([value.identity, value.clientContext, value.hasIdentity, value.hasClientContext], [undefined, undefined, true, true]);
    const given = { client: { app_title: 'ü' }, custom: { a: 'b' }, env: {} };
    const ClientContext = Buffer.from(JSON.stringify(given)).toString('base64');
    assert.deepEqual((await run('context', {}, { ClientContext })).value.clientContext, given);
  });

  test('the environment', async () => {
    const { value } = await run('environment');
    assert.equal(value.GREETING, 'Hello');
    assert.equal(value._HANDLER, 'index.handler');
    assert.equal(value.AWS_LAMBDA_FUNCTION_NAME, 'cases');
    assert.equal(value.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, '256');
    assert.equal(value.AWS_REGION, value.AWS_DEFAULT_REGION);
    assert.ok(value.AWS_ACCESS_KEY_ID.startsWith('ASIA') && value.AWS_SESSION_TOKEN.length > 0);
    assert.equal(value.AMPD_RUNTIME_TOKEN, undefined);
    const typed = await run('typed');
    assert.equal(typed.value.greeting, 'Hello');
    assert.equal(typed.value.same, true);
    assert.match(typed.value.trace, /^Root=1-[0-9a-f]{8}/);
    assert.notEqual((await run('typed')).value.trace, typed.value.trace);
  });

  test('a process keeps its module, its variables and its timers', async () => {
    const first = (await run('kept')).value;
    const second = (await run('kept')).value;
    assert.deepEqual([second.pid, second.module, Number(second.env)], [first.pid, first.module + 1, Number(first.env) + 1]);
    const { value } = await run('tick');
    assert.equal(typeof value, 'number');
  });

  test('one call at a time in a process', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => run('alone')));
    assert.deepEqual(answers.map(({ value }) => value.most), [1, 1, 1, 1]);
  });

  test('/tmp', async (t) => {
    t.after(() => rmSync(`/tmp/${name}`, { force: true }));
    const name = `ampd-contract-${process.pid}-${isOurs}`;
    assert.equal((await run('tmp', { name, write: 'kept' })).value, 'kept');
    assert.equal((await run('tmp', { name })).value, 'kept');
  });

  test('globals', async () => {
    const { value } = await run('globals');
    assert.deepEqual([value.require, value.filename, value.dirname], ['function', 'string', 'string']);
    assert.deepEqual([value.awslambda, value.from], [['streamifyResponse', 'HttpResponseStream'], 'function']);
    assert.deepEqual([value.clone, value.zone, value.streams], [2, '2024-01-01T00:00:00.000Z', 'function']);
    assert.equal((await run('storage', { value: 'mine' })).value, 'mine');
  });

  test('fetch', async () => {
    const other = createServer((_request, response) => void response.writeHead(201).end('hello')).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const url = `http://127.0.0.1:${other.address().port}/`;
    assert.deepEqual((await run('fetches', { url })).value, { status: 201, text: 'hello' });
    other.closeAllConnections();
    await new Promise((resolve) => other.close(resolve));
  });

  test('the SDK finds the server, and what was not granted is refused', async () => {
    const { value, text } = await invoke('caller', {});
    assert.deepEqual([value.name, value.status], ['AccessDeniedException', 403], text);
    assert.match(value.message, /^User: arn:aws:sts::\d{12}:assumed-role\/\S+ is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:\d{12}:function:second\b/);
  });

  // ---- logs ------------------------------------------------------------------------------------

  test('the console, in text', async () => {
    const { log } = await run('levels');
    const [, id] = /^START RequestId: (\S+) Version: \$LATEST$/m.exec(log);
    const line = (level, text) => assert.match(log, new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z\\t${id}\\t${level}\\t${text}$`, 'm'));
    line('INFO', 'log \\{ a: \\{ b: \\{ c: \\[Object\\] \\} \\} \\}');
    line('INFO', 'info is 1');
    line('WARN', 'warn');
    line('ERROR', 'Named: logged\\r    at .*cases\\.ts:[^\\n]*');
    line('DEBUG', 'debug');
    line('TRACE', 'trace');
    line('FATAL', 'fatal');
    line('INFO', 'undefined');
    line('INFO', 'two\\rlines');
    line('INFO', '┌[^\\n]*┘');
    for (const text of ['written', 'to stderr']) assert.ok(log.includes(`${text}\n`), log);
    assert.match(log, new RegExp(`\\nEND RequestId: ${id}\\nREPORT RequestId: ${id}\\tDuration: `));
    assert.ok(!(await run('mute')).log.includes('not to be seen'));
  });

  // The original writes to a descriptor of the platform's there, or loses the end.
  if (isOurs) test('the tail of a log is its last four kilobytes', async () => {
    const { log } = await run('much');
    assert.ok(Buffer.byteLength(log) <= 4096 && Buffer.byteLength(log) > 3900, `${log.length}`);
    assert.match(log, /line 499 x+\nEND RequestId/);
  });

  if (isOurs) test('what is said before the end of the process is not lost', async () => {
    await run('lastwords');
    await until(() => /word 1999 x+/.test(server.log()), 'the last words');
  });

  test('the console, in JSON', async () => {
    const { log } = await invoke('structured', { do: 'say' });
    const lines = log.split('\n').filter((line) => line.includes('"level"')).map((line) => JSON.parse(line));
    const [, id] = /RequestId: (\S+)/.exec(log) ?? /"requestId":"([^"]+)"/.exec(log);
    assert.ok(lines.every(({ requestId, timestamp }) => requestId === id && !Number.isNaN(Date.parse(timestamp))), log);
    const said = lines.filter(({ level, message }) => level !== undefined && message !== undefined);
    assert.deepEqual(said.map(({ level }) => level), ['INFO', 'INFO', 'WARN', 'ERROR', 'DEBUG', 'TRACE', 'INFO']);
    assert.equal(said[0].message, 'text formatted');
    assert.deepEqual(said[1].message, { an: 'object', nested: { list: [1] } });
    assert.deepEqual([said[2].message.errorType, said[2].message.errorMessage, said[2].message.code], ['Named', 'alone', 'E_OWN']);
    assert.match(said[2].message.stackTrace[1], /structured\.ts:\d+/);
    assert.match(said[3].message, /^with Own: words/);
    assert.deepEqual([said[3].errorType, said[3].errorMessage], ['Named', 'words']);
    assert.ok(Array.isArray(said[3].stackTrace));
    assert.match(said[4].message, /Circular/);
    assert.deepEqual([said[5].message, said[6].message], [12, 'two\nlines']);
    const failed = await invoke('structured', { do: 'fail' });
    assert.equal(failed.value.errorType, 'Own');
    const [error] = failed.log.split('\n').filter((line) => line.includes('"ERROR"')).map((line) => JSON.parse(line));
    assert.deepEqual([error.message.errorType, error.message.errorMessage, error.message.code], ['Named', 'failed', 'E_OWN']);
  });

  test('levels of a log', async () => {
    const { log } = await invoke('settings', {});
    assert.ok(!log.includes('too low'), log);
    for (const text of ['a warning 1', 'an error', 'the end']) assert.ok(log.includes(`"message":"${text}"`), log);
  });

  // ---- bundles ---------------------------------------------------------------------------------

  const BUNDLED = {
    top: ['awaited at the top', 'later'], json: { from: 'json', list: [1, 2] }, dirname: [true, true], globals: [true, true],
    lazy: [true, 'lazy'], addon: ['string', 'native bytes'], require: ['\n', 'function'], dual: 'main', layer: 'ERR_MODULE_NOT_FOUND', name: 'Kept',
  };
  for (const [name, expected] of Object.entries(BUNDLED)) {
    test(`bundle: ${name}`, async () => check(await invoke('bundled', { do: name }), expected));
  }
  test('bundle: places, minified or not', async () => {
    const { value: minified } = await invoke('bundled', { do: 'place' });
    assert.match(minified.trace[1], /amplify\/functions\/bundled\.ts:32:\d+/);
    const { value: plain } = await invoke('readable', {});
    assert.match(plain.trace[1], /amplify\/functions\/readable\.ts:2:\d+/);
  });
  if (isOurs) { // the original stumbles over the one, and finds no handler in the other
    test('loading badstream', async () =>
      check(await invoke('badstream', {}), fails('Runtime.MalformedStreamingHandler', /^Only response streaming is supported\.$/)));
    test('bundle: CommonJS', async () =>
      assert.deepEqual((await invoke('common', { value: 5 })).value, { common: 5, file: 'common.mjs', kind: 'function' }));
  }

  // ---- streams ---------------------------------------------------------------------------------

  const STREAMS = {
    write: 'one two {"three":3}', end: 'at the end', pipe: 'abc',
    http: `{"statusCode":201,"headers":{"x-own":"yes"},"cookies":["a=b"]}${'\0'.repeat(8)}body`,
    late: 'xRuntime.InvalidStreamingOperation: Cannot set content-type, too late.', result: 'written', drained: 'at once',
  };
  for (const [name, expected] of Object.entries(STREAMS)) {
    test(`stream: ${name}`, async () => {
      const answer = await lambda.send(new InvokeCommand({ FunctionName: 'streams', Payload: JSON.stringify({ do: name }) }));
      assert.equal(answer.Payload.transformToString(), expected);
      assert.equal(answer.FunctionError, undefined);
    });
  }
  test('stream: large', async () => {
    const answer = await lambda.send(new InvokeCommand({ FunctionName: 'streams', Payload: '{"do":"large","size":5000000}' }));
    assert.equal(answer.Payload.length, 5_000_000);
  });
  test('stream: the context', async () => {
    const answer = await lambda.send(new InvokeCommand({ FunctionName: 'streams', Payload: '{"do":"context"}' }));
    const { keys, stream, hw } = JSON.parse(answer.Payload.transformToString());
    assert.deepEqual([keys.includes('getRemainingTimeInMillis'), keys.includes('succeed'), stream, hw], [true, false, 'function', true]);
  });
}
