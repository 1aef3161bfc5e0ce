// Runs one Lambda handler: takes invocations from the Runtime API, one at a time, and gives back what the handler returns.
// What a handler may expect is what AWS's own runtime for Node gives it.
import dns from 'node:dns';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { pathToFileURL } from 'node:url';
import { format, inspect } from 'node:util';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const base = '/2018-06-01/runtime';
const token = process.env.AMPD_RUNTIME_TOKEN;
delete process.env.AMPD_RUNTIME_TOKEN; // it is not for the handler

// The SDK puts a bucket's name before the endpoint's, which only a name can bear, not an address. Names of the loopback
// address are not known to every resolver (RFC 6761, section 6.3).
if (process.env.AWS_ENDPOINT_URL && !process.env.AWS_ENDPOINT_URL_S3) {
  process.env.AWS_ENDPOINT_URL_S3 = `http://s3.localhost:${new URL(process.env.AWS_ENDPOINT_URL).port}`;
}
const { lookup } = dns;
dns.lookup = (name, options, done = options) =>
  lookup(String(name).endsWith('.localhost') ? '127.0.0.1' : name, options === done ? {} : options, done);
syncBuiltinESMExports();

let requestId; // of the invocation in progress
let fail; // ends it with an error

/** @returns {Promise<{status: number, headers: http.IncomingHttpHeaders, body: string}>} */
function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const options = { host, port, agent, method, path: base + path, headers: { ...headers, 'ampd-runtime-token': token, ...(bytes && { 'content-length': bytes.length }) } };
    const request = http.request(options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString() }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(bytes);
  });
}

// ---- errors ------------------------------------------------------------------------------------

class RuntimeError extends Error {
  constructor(type, message) {
    super(message);
    this.name = type;
  }
}

function errorOf(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: typeof error === 'string' ? error : inspect(error), trace: [] };
}

const report = (path, error) => {
  const body = errorOf(error);
  return call('POST', path, JSON.stringify(body), {
    'content-type': 'application/json', 'lambda-runtime-function-error-type': body.errorType.replaceAll(/[^\x20-\x7e]/g, '?'),
  });
};

// ---- logs --------------------------------------------------------------------------------------

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const isJson = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const least = isJson ? Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? 'TRACE').toUpperCase())) : 0;

function log(level, args) {
  if (LEVELS.indexOf(level) < least) return;
  const timestamp = new Date().toISOString();
  if (isJson) {
    const [first] = args;
    const message = args.length === 1 && typeof first === 'object' && !(first instanceof Error) ? first : format(...args);
    const error = args.find((arg) => arg instanceof Error);
    const more = error && { errorType: error.name, errorMessage: error.message, stackTrace: (error.stack ?? '').split('\n') };
    process.stdout.write(`${JSON.stringify({ timestamp, level, requestId, message, ...more })}\n`);
    return;
  }
  process.stdout.write(`${timestamp}\t${requestId}\t${level}\t${format(...args).replaceAll('\n', '\r')}\n`);
}

const METHODS = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
for (const [method, level] of Object.entries(METHODS)) console[method] = (...args) => log(level, args);

// ---- the handler -------------------------------------------------------------------------------

async function load() {
  const file = process.env.AMPD_PROGRAM;
  const name = process.env._HANDLER.split('.').slice(1);
  let module;
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`);
    if (error?.code === 'ERR_MODULE_NOT_FOUND' || error?.code === 'MODULE_NOT_FOUND') {
      throw new RuntimeError('Runtime.ImportModuleError', `Error: ${error.message}`);
    }
    throw error;
  }
  const handler = name.reduce((value, part) => value?.[part], module) ?? name.reduce((value, part) => value?.[part], module.default);
  if (handler === undefined) throw new RuntimeError('Runtime.HandlerNotFound', `${process.env._HANDLER} is undefined or not exported`);
  if (typeof handler !== 'function') throw new RuntimeError('Runtime.HandlerNotFound', `${process.env._HANDLER} is not a function`);
  return handler;
}

const parse = (text) => (text === undefined ? undefined : JSON.parse(text));

function contextOf(headers, settle) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    clientContext: parse(headers['lambda-runtime-client-context']),
    identity: parse(headers['lambda-runtime-cognito-identity']),
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done: (error, result) => settle(error, result),
    fail: (error) => settle(error ?? new Error('undefined'), undefined),
    succeed: (result) => settle(null, result),
  };
  return context;
}

// A callback's result counts at once, or when nothing is left to do, as the context says.
function invoke(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const over = (error, result) => (error === null || error === undefined ? resolve(result) : reject(error));
    let settled = false;
    const settle = (error, result) => {
      if (settled) return;
      settled = true;
      process.off('beforeExit', empty);
      if (context.callbackWaitsForEmptyEventLoop) process.once('beforeExit', () => over(error, result));
      else over(error, result);
    };
    const empty = () => {
      settled = true;
      if (isPromise) reject(new RuntimeError('Runtime.NodeJsExit', 'The handler\'s promise can not be settled: nothing is left to wait for'));
      else resolve(null);
    };
    const context = contextOf(headers, settle);
    let isPromise = false;
    fail = reject;
    process.once('beforeExit', empty);
    let returned;
    try {
      returned = handler(event, context, settle);
    } catch (error) {
      process.off('beforeExit', empty);
      reject(error);
      return;
    }
    if (typeof returned?.then === 'function') {
      isPromise = true;
      returned.then(
        (result) => { process.off('beforeExit', empty); settled = true; resolve(result); },
        (error) => { process.off('beforeExit', empty); settled = true; reject(error); },
      );
    }
  });
}

function text(result) {
  const json = JSON.stringify(result === undefined ? null : result);
  if (json === undefined) throw new RuntimeError('Runtime.UnserializableResult', 'The result can not be made into JSON');
  return json;
}

// What the handler threw outside of its own call ends the invocation, and this process.
async function crash(type, error, code) {
  const id = requestId;
  if (id !== undefined) {
    const what = error instanceof Error ? error : new Error(format(error));
    const wrapped = type === undefined ? what : Object.assign(new RuntimeError(type, `${what.name}: ${what.message}`), { stack: what.stack });
    log('ERROR', [type === undefined ? 'Uncaught Exception ' : 'Unhandled Promise Rejection ', JSON.stringify(errorOf(wrapped))]);
    await report(`/invocation/${id}/error`, wrapped).catch(() => {});
  }
  process.exit(code);
}
process.on('uncaughtException', (error) => void crash(undefined, error, 129));
process.on('unhandledRejection', (error) => void crash('Runtime.UnhandledPromiseRejection', error, 128));

let handler;
try {
  handler = await load();
} catch (error) {
  log('ERROR', ['Uncaught Exception ', JSON.stringify(errorOf(error))]);
  await report('/init/error', error).catch(() => {});
  process.exit(1);
}

async function serve() {
  for (;;) {
    const { status, headers, body } = await call('GET', '/invocation/next');
    if (status !== 200) { process.stderr.write(`next ${status} ${body}\n`); process.exit(0); }
    requestId = headers['lambda-runtime-aws-request-id'];
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    let answer;
    try {
      const result = text(await invoke(handler, JSON.parse(body), headers));
      answer = () => call('POST', `/invocation/${requestId}/response`, result, { 'content-type': 'application/json' });
    } catch (error) {
      log('ERROR', ['Invoke Error ', JSON.stringify(errorOf(error))]);
      answer = () => report(`/invocation/${requestId}/error`, error);
    }
    await answer();
    requestId = undefined;
  }
}
await serve();
