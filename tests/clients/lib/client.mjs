// The official client, configured with nothing but the generated amplify_outputs.json.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { webcrypto } from 'node:crypto';
import { WebSocket } from 'ws';

// What a browser has, and this Node.js may not have yet.
globalThis.crypto ??= webcrypto;
globalThis.WebSocket ??= WebSocket;

// The library's watchdogs over connections must not keep a finished test's process alive.
const { setTimeout } = globalThis;
globalThis.setTimeout = Object.assign((handler, delay, ...rest) => {
  const timer = setTimeout(handler, delay, ...rest);
  return delay >= 5000 ? timer.unref() : timer;
}, setTimeout);

// The library warns about every endpoint that is not AWS's own; a test's output is for results.
console.warn = () => {};

const { Amplify } = await import('aws-amplify');
const { generateClient } = await import('aws-amplify/data');

const suite = path.basename(process.argv[1]).replace('.test.mjs', '');
export const outputs = JSON.parse(readFileSync(JSON.parse(process.env.AMPD_OUTPUTS)[suite], 'utf8'));
export const endpoint = outputs.data.url;
export const apiKey = outputs.data.api_key;

Amplify.configure(outputs);

export { Amplify, generateClient };
export const client = generateClient();

/** The data of a result that must have no errors. */
export async function ok(promise) {
  const result = await promise;
  if (result.errors !== undefined) throw new Error(`unexpected errors: ${JSON.stringify(result.errors)}`);
  return result.data;
}

/** The errors of a result that must have some. */
export async function fails(promise) {
  const result = await promise;
  if (result.errors === undefined) throw new Error(`errors were expected, got ${JSON.stringify(result.data)}`);
  return result.errors;
}

/** Every item of a list, page by page. */
export async function all(list, options = {}) {
  const items = [];
  let nextToken;
  do {
    const page = await list({ ...options, nextToken });
    if (page.errors) throw new Error(JSON.stringify(page.errors));
    items.push(...page.data);
    nextToken = page.nextToken;
  } while (nextToken);
  return items;
}

/** A request without the library: {status, headers, text, body}. */
export async function post(body, headers = { 'x-api-key': apiKey }) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    // Not every answer is JSON; the test will say so.
  }
  return { status: response.status, headers: response.headers, text, body: json };
}
