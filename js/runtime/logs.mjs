// How errors are told, and what a handler's console writes: as AWS's runtime does, in text or in JSON.
import { format, types } from 'node:util';

const REQUEST = Symbol.for('aws.lambda.runtime.requestId'); // where libraries look for it

/** @param {string | undefined} id of the invocation in progress */
export const setRequestId = (id) => void (/** @type {any} */ (globalThis)[REQUEST] = id);

// ---- errors ------------------------------------------------------------------------------------

/** @param {string} name behind "Runtime." */
function kind(name) {
  const type = class extends Error {};
  Object.defineProperty(type, 'name', { value: name });
  Object.defineProperty(type.prototype, 'name', { value: `Runtime.${name}`, writable: true, configurable: true });
  return type;
}

export const HandlerNotFound = kind('HandlerNotFound');
export const ImportModuleError = kind('ImportModuleError');
export const InvalidStreamingOperation = kind('InvalidStreamingOperation');
export const MalformedHandlerName = kind('MalformedHandlerName');
export const MalformedStreamingHandler = kind('MalformedStreamingHandler');
export const UserCodeSyntaxError = kind('UserCodeSyntaxError');
const Rejection = kind('UnhandledPromiseRejection');

/** @param {any} reason @param {Promise<unknown>} promise */
export const unhandledRejection = (reason, promise) => Object.assign(new Rejection(reason), { reason, promise });

const texts = ['name', 'message', 'stack'];
const isError = (/** @type {any} */ value) =>
  types.isNativeError(value) || (Boolean(value) && texts.every((name) => typeof value[name] === 'string' && value[name] !== ''));
const visible = (/** @type {any} */ text) => text?.replaceAll('\x7f', '%7F');

/** What callers are told. @param {any} error @returns {{errorType: string, errorMessage: string, trace?: string[]}} */
export function told(error) {
  try {
    return isError(error)
      ? { errorType: visible(error.name), errorMessage: visible(error.message), trace: visible(error.stack).split('\n') }
      : { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

const asError = (/** @type {any} */ error) => (error instanceof Error ? error : new Error(error));

/** The text of "Invoke Error" and its like. @param {Error} error */
function inText(error) {
  const replace = (/** @type {string} */ _, /** @type {any} */ value) => {
    if (!(value instanceof Error)) return value;
    const all = { errorType: value.name, errorMessage: value.message, code: /** @type {any} */ (value).code, ...value };
    return typeof value.stack === 'string' ? { ...all, stack: value.stack.split('\n') } : all;
  };
  try {
    return `\t${JSON.stringify(error, replace)}`;
  } catch {
    return `\t${JSON.stringify(told(error))}`;
  }
}

// ---- the console -------------------------------------------------------------------------------

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const isJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';

const stackOf = (/** @type {any} */ error, /** @type {any} */ otherwise) =>
  typeof error.stack === 'string' ? error.stack.split('\n') : otherwise;
const inJson = (/** @type {any} */ error, /** @type {any} */ otherwise) => ({
  errorType: error.constructor?.name ?? 'UnknownError', errorMessage: error.message, stackTrace: stackOf(error, otherwise),
});

/** @param {object} head @param {any[]} args */
function jsonLine(head, args) {
  if (args.length > 1) {
    const error = args.find((arg) => arg instanceof Error);
    return JSON.stringify({ ...head, message: format(...args), ...(error && inJson(error, [])) });
  }
  const replace = (/** @type {string} */ _, /** @type {any} */ value) =>
    value instanceof Error ? { ...inJson(value, value.stack), ...value } : value;
  try {
    return JSON.stringify({ ...head, message: args[0] }, replace);
  } catch {
    return JSON.stringify({ ...head, message: format(args[0]) });
  }
}

/** @param {string} level @param {any[]} args */
function write(level, args) {
  const timestamp = new Date().toISOString();
  const requestId = /** @type {any} */ (globalThis)[REQUEST];
  const line = isJson
    ? jsonLine({ timestamp, level, requestId }, args)
    : `${timestamp}\t${requestId}\t${level}\t${format(...args)}`;
  process.stdout.write(`${line.replaceAll('\n', '\r')}\n`);
}

export function patchConsole() {
  const least = Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? '').toUpperCase()));
  const methods = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
  const patched = /** @type {any} */ (console);
  for (const [method, level] of Object.entries(methods)) {
    const says = LEVELS.indexOf(level) >= least || level === 'FATAL';
    // A call without arguments says "undefined".
    patched[method] = says
      ? (/** @type {any} */ first, /** @type {any[]} */ ...rest) => write(level, [first, ...rest])
      : () => {};
  }
  patched.log = patched.info;
}

/** @param {string} what "Invoke Error", ... @param {any} error */
export function logError(what, error) {
  if (isJson) console.error(asError(error));
  else console.error(what, inText(asError(error)));
}
