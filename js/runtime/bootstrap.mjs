// Runs one Lambda handler: takes invocations from the Runtime API, one at a time, and gives back what the handler returns.
// What a handler may expect is what AWS's own runtime for Node gives it.
import { pathToFileURL } from 'node:url';
import { RuntimeApi } from './api.mjs';
import './endpoints.mjs';
import {
  HandlerNotFound, ImportModuleError, MalformedHandlerName, MalformedStreamingHandler, UserCodeSyntaxError,
  logError, patchConsole, setRequestId, told, unhandledRejection,
} from './logs.mjs';

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const BEFORE_EXIT = Symbol.for('aws.lambda.beforeExit'); // where libraries look for it
const HTTP_RESPONSE = 'application/vnd.awslambda.http-integration-response';

const { AMPD_PROGRAM: program = '', AMPD_RUNTIME_TOKEN: token, AWS_LAMBDA_RUNTIME_API: address = '' } = process.env;
delete process.env.AMPD_RUNTIME_TOKEN; // not for the handler, nor for what it starts
delete process.env.AMPD_PROGRAM;
const api = new RuntimeApi(address, token);
const now = Date.now; // whatever a handler does to clocks
const later = setImmediate;
/** @type {string | undefined} */
let running; // the invocation in progress

// Calls `listener` when nothing is left to do for this process; the last one counts.
const whenIdle = (/** @type {() => void} */ listener) => void (/** @type {any} */ (globalThis)[BEFORE_EXIT] = listener);
whenIdle(() => {});
process.on('beforeExit', () => /** @type {any} */ (globalThis)[BEFORE_EXIT]());

// ---- loading -----------------------------------------------------------------------------------

class HttpResponseStream {
  /** @param {any} stream @param {object} prelude statusCode, headers, cookies */
  static from(stream, prelude) {
    stream.setContentType(HTTP_RESPONSE);
    stream._onBeforeFirstWrite = (/** @type {(bytes: string | Uint8Array) => void} */ write) => {
      write(JSON.stringify(prelude));
      write(new Uint8Array(8)); // ends it
    };
    return stream;
  }
}

/** @param {any} handler */
const streamifyResponse = (handler) => Object.assign(handler, { [STREAMING]: 'response' });

const inside = (/** @type {any} */ object, /** @type {string} */ path) =>
  path.split('.').reduce((/** @type {any} */ value, part) => value && value[part], object);

async function load() {
  const name = process.env._HANDLER ?? 'index.handler';
  if (name.includes('..')) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const path = /^[^.]*\.(.*)$/.exec(name.slice(name.lastIndexOf('/') + 1))?.[1];
  if (path === undefined) throw new MalformedHandlerName('Bad handler');
  Object.assign(globalThis, { awslambda: { streamifyResponse, HttpResponseStream } });
  let module;
  try {
    module = await import(pathToFileURL(program).href);
  } catch (/** @type {any} */ error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (error?.code === 'MODULE_NOT_FOUND') throw new ImportModuleError(error);
    throw error;
  }
  // A CommonJS source is the default export of its bundle.
  const handler = inside(module, path) ?? inside(module.default, path);
  if (!handler) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new HandlerNotFound(`${name} is not a function`);
  const mode = handler[STREAMING] ?? false;
  if (mode !== false && mode !== 'response') throw new MalformedStreamingHandler('Only response streaming is supported.');
  return { handler, isStreaming: mode === 'response' };
}

// ---- one invocation ----------------------------------------------------------------------------

/** @param {string | undefined} json @param {string} name */
function parse(json, name) {
  try {
    return json === undefined ? undefined : JSON.parse(json);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

/** The context of an invocation. @param {Record<string, string>} headers @param {object} own */
function contextOf(headers, own) {
  const { env } = process;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const trace = headers['lambda-runtime-trace-id'];
  if (trace === undefined) delete env._X_AMZN_TRACE_ID;
  else env._X_AMZN_TRACE_ID = trace;
  let waits = true;
  const context = {
    get callbackWaitsForEmptyEventLoop() { return waits; },
    set callbackWaitsForEmptyEventLoop(value) { waits = value; },
  };
  return Object.assign(context, own, {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse(headers['lambda-runtime-client-context'], 'ClientContext'),
    identity: parse(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - now(),
  });
}

/** @param {unknown} result */
function serialised(result) {
  let json;
  try {
    json = JSON.stringify(result === undefined ? null : result);
  } catch (error) {
    throw new Error('Unable to stringify response body', { cause: error });
  }
  if (json === undefined) throw new Error('Unable to stringify response body');
  return json;
}

const isThenable = (/** @type {any} */ value) => Boolean(value) && typeof value.then === 'function';

/**
 * Runs the handler; done when the next invocation may be asked for. The first that settles counts, be it the callback, a
 * method of the context or the promise; without any, the answer is null when nothing is left to do.
 * @param {any} handler @param {string} body @param {Record<string, string>} headers
 */
function invoke(handler, body, headers) {
  const id = String(running);
  return new Promise((over) => {
    let isDone = false;
    let isAnswered = false;
    const fail = (/** @type {unknown} */ error) => {
      logError('Invoke Error', error);
      over(api.fail(`/invocation/${id}/error`, told(error)));
    };
    const complete = (/** @type {unknown} */ result) => {
      if (isAnswered) {
        console.error('Invocation has already been reported as done. Cannot call complete more than once per invocation.');
        return;
      }
      isAnswered = true;
      over(api.respond(id, serialised(result)));
    };
    const first = (/** @type {(...args: any[]) => void} */ settle) => (/** @type {any[]} */ ...args) => {
      if (isDone) return;
      settle(...args);
      isDone = true;
    };
    const done = (/** @type {unknown} */ error, /** @type {unknown} */ result) => {
      whenIdle(() => {});
      if (error !== undefined && error !== null) fail(error);
      else complete(result);
    };
    const methods = {
      succeed: first((result) => done(null, result)),
      fail: first((error) => done(error ?? 'handled', null)),
      done: first(done),
    };
    const callback = first((error, result) => {
      if ((error === undefined || error === null) && context?.callbackWaitsForEmptyEventLoop) {
        whenIdle(() => void later(() => complete(result)));
      } else done(error, result);
    });
    /** @type {any} */
    let context;
    whenIdle(() => {
      whenIdle(() => {});
      if (isPromised) console.warn('The promise of the handler can not be settled any more: nothing is left to wait for. The result is null.');
      complete(null);
    });
    let isPromised = false;
    try {
      const event = JSON.parse(body);
      context = contextOf(headers, methods);
      const returned = handler(event, context, callback);
      isPromised = isThenable(returned);
      if (isPromised) {
        Promise.resolve(returned.then(methods.succeed, methods.fail)).catch(methods.fail);
      }
    } catch (error) {
      callback(error);
    }
  });
}

/** As `invoke`, for a handler that writes its response. @type {typeof invoke} */
async function invokeStreaming(handler, body, headers) {
  const { openStream } = await import('./stream.mjs');
  const stream = openStream(api, String(running));
  const fail = (/** @type {unknown} */ error) => {
    logError('Invoke Error', error);
    return stream.fail(error);
  };
  whenIdle(() => {});
  try {
    const context = contextOf(headers, {});
    const returned = handler(JSON.parse(body), stream.given, context);
    if (!isThenable(returned)) return await fail('Streaming does not support non-async handlers.');
    if ((await returned) !== undefined) console.warn('Streaming handlers ignore return values.');
    await stream.accepted;
    if (context.callbackWaitsForEmptyEventLoop) {
      await new Promise((resolve) => whenIdle(() => void later(() => resolve(undefined))));
    }
    return undefined;
  } catch (error) {
    return fail(error);
  }
}

// ---- the process -------------------------------------------------------------------------------

// What is thrown outside of the handler's own call ends the invocation, or the loading, and this process.
/** @param {string} what @param {unknown} error @param {number} code */
async function crash(what, error, code) {
  logError(what, error);
  const path = running === undefined ? '/init/error' : `/invocation/${running}/error`;
  if (running !== undefined || !isLoaded) await api.fail(path, told(error));
  process.exit(code);
}

let isLoaded = false;
// What is written is out before the response is, or the process gone.
for (const stream of [process.stdout, process.stderr]) /** @type {any} */ (stream)._handle?.setBlocking?.(true);
patchConsole();
process.on('uncaughtException', (error) => void crash('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason, promise) =>
  void crash('Unhandled Promise Rejection', unhandledRejection(reason, promise), 128));

const { handler, isStreaming } = await load();
isLoaded = true;
const run = isStreaming ? invokeStreaming : invoke;

async function serve() {
  for (;;) {
    const { status, headers, body } = await api.next();
    if (status !== 200) process.exit(0); // this process is not needed any more
    running = headers['lambda-runtime-aws-request-id'];
    setRequestId(running);
    await run(handler, body.utf8Slice(), headers);
    running = undefined;
  }
}
serve().catch(() => process.exit(0)); // the server is gone
