// Responses that are streamed: what `awslambda` is to handlers, and the chunked POST behind it. An error after the first bytes
// goes into the trailers.
import http from 'node:http';
import { InvalidStreamingOperation, told } from './logs.mjs';

const METHODS = [
  'cork', 'destroy', 'end', 'uncork', 'write',
  'addListener', 'emit', 'eventNames', 'getMaxListeners', 'listenerCount', 'listeners', 'off', 'on', 'once',
  'prependListener', 'prependOnceListener', 'rawListeners', 'removeAllListeners', 'removeListener', 'setMaxListeners',
];
const SETTABLE = ['destroyed', 'writable'];
const READABLE = [
  'writableFinished', 'writableObjectMode', 'writableBuffer', 'writableEnded', 'writableNeedDrain', 'writableHighWaterMark',
  'writableCorked', 'writableLength',
];

/**
 * @param {import('./api.mjs').RuntimeApi} api
 * @param {string} id of the invocation
 */
export function openStream(api, id) {
  const request = http.request({
    host: api.host, port: api.port, method: 'POST', path: `/2018-06-01/runtime/invocation/${id}/response`, agent: false,
    headers: {
      ...api.headers,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
      'Transfer-Encoding': 'chunked',
      'Content-Type': 'application/octet-stream',
    },
  });
  const accepted = new Promise((resolve, reject) => {
    request.on('response', (response) => response.resume().on('end', resolve).on('error', reject));
    request.on('error', reject);
  });
  accepted.catch(() => {}); // who waits for it is told; nobody does after a failure
  const write = request.write.bind(request);
  let isBegun = false;
  /** @type {any} */
  const given = { _onBeforeFirstWrite: undefined };
  for (const name of METHODS) given[name] = /** @type {any} */ (request)[name].bind(request);
  for (const name of [...SETTABLE, ...READABLE]) {
    Object.defineProperty(given, name, {
      get: () => /** @type {any} */ (request)[name],
      ...(SETTABLE.includes(name) && { set: (value) => void (/** @type {any} */ (request)[name] = value) }),
    });
  }
  given.setContentType = (/** @type {string} */ type) => {
    if (isBegun) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    request.setHeader('Content-Type', type);
  };
  given.write = (/** @type {any} */ chunk, /** @type {any} */ encoding, /** @type {any} */ callback) => {
    const isBytes = typeof chunk === 'string' || Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array;
    if (!isBegun) given._onBeforeFirstWrite?.((/** @type {any} */ first) => write(first));
    isBegun = true;
    return write(isBytes ? chunk : JSON.stringify(chunk), encoding, callback);
  };
  // A last chunk is one like others, with all that belongs to the first.
  given.end = (/** @type {any} */ chunk, /** @type {any} */ encoding, /** @type {any} */ callback) => {
    const after = [chunk, encoding, callback].find((arg) => typeof arg === 'function');
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      given.write(chunk, typeof encoding === 'string' ? encoding : undefined);
    } else if (!isBegun) {
      given._onBeforeFirstWrite?.((/** @type {any} */ first) => write(first));
      isBegun = true;
    }
    request.end(after);
    return given;
  };
  const fail = (/** @type {any} */ error) => {
    const body = told(error);
    request.addTrailers({
      'Lambda-Runtime-Function-Error-Type': body.errorType.replaceAll(/[^\x20-\x7e]/g, '?'),
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(body)).toString('base64'),
    });
    request.end();
    return accepted.catch(() => {});
  };
  return { given, accepted, fail };
}
