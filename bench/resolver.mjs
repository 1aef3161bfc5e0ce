// A JavaScript resolver's call over loopback: latency one at a time, calls a second at 16 at a time. Beside it, in the same run: a bare Node
// HTTP server that parses the request and answers from JavaScript, and the same model's own query, which no JavaScript runs for.
// Usage: node bench/resolver.mjs
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const AMPD = process.env.AMPD ?? 'build/ampd';
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const AT_ONCE = 16;
mkdirSync('build', { recursive: true });
const root = path.resolve(mkdtempSync('build/bench-resolver-'));
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

function handler(name, dataSource, code) {
  const out = path.join(root, `${name}.js`);
  writeFileSync(out, code);
  return { typeName: 'Query', fieldName: name, handlers: [{ dataSource, entry: out, out, hash: createHash('sha256').update(code).digest('hex') }] };
}

function manifest() {
  const file = path.join(root, 'manifest.json');
  const none = `exports.request = (ctx) => ({ payload: { text: ctx.args.text.toUpperCase() } }); exports.response = (ctx) => ctx.result.text;`;
  const table = `exports.request = (ctx) => ({ operation: 'GetItem', key: { id: { S: ctx.args.id } } }); exports.response = (ctx) => ctx.result;`;
  writeFileSync(file, JSON.stringify({
    formatVersion: 1, project: { root, name: 'bench' }, auth: null, storage: [], functions: {}, outputs: [],
    data: {
      name: 'amplifyData',
      sdl: `type Todo @model @auth(rules: [{allow: public, provider: apiKey}]) { text: String }
        type Query { shout(text: String!): String @aws_api_key  item(id: ID!): Todo @aws_api_key }`,
      authorizationModes: { default: 'apiKey', modes: ['apiKey', 'iam'] },
      jsFunctions: [handler('shout', 'NONE_DS', none), handler('item', 'TodoTable', table)],
    },
  }));
  return file;
}

async function started(command, args, ready) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (out += text));
  while (!ready.test(out)) {
    if (child.exitCode !== null) throw new Error(out);
    await delay(5);
  }
  return ready.exec(out)[1];
}

/** One request; its body. */
function post(agent, url, headers, body) {
  return new Promise((resolve, reject) => {
    const req = request(url, { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (piece) => (text += piece)).on('end', () => resolve(text));
    });
    req.on('error', reject).end(body);
  });
}

async function measure(call) {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  for (let i = 0; i < 200; i += 1) await call(agent);
  const times = [];
  for (const end = performance.now() + SECONDS * 1000; performance.now() < end; ) {
    const began = performance.now();
    await call(agent);
    times.push(performance.now() - began);
  }
  let count = 0;
  const end = performance.now() + SECONDS * 1000;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (; performance.now() < end; count += 1) await call(agent);
  }));
  agent.destroy();
  times.sort((a, b) => a - b);
  return { p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)], rate: count / SECONDS };
}

const bare = `const s = require('node:http').createServer((req, res) => { let b = ''; req.on('data', (p) => (b += p)).on('end', () => {
  const { variables } = JSON.parse(b); res.setHeader('content-type', 'application/json'); res.end(JSON.stringify({ data: { shout: variables.text.toUpperCase() } })); }); });
  s.listen(0, '127.0.0.1', () => console.log('port ' + s.address().port));`;
const port = await started(process.execPath, ['-e', bare], /port (\d+)\n/);
const origin = await started(AMPD, ['sandbox', '--project', root, '--manifest', manifest(), '--port', '0', '--outputs-out-dir', root], /GraphQL\s+(http:\S+)\/graphql[^]*Data\s/);
const key = JSON.parse(readFileSync(path.join(root, 'amplify_outputs.json'), 'utf8')).data.api_key;
const headers = { 'content-type': 'application/json', 'x-api-key': key };
const asks = (query, variables, expected) => {
  const body = JSON.stringify({ query, variables });
  return async (agent) => {
    const text = await post(agent, `${origin}/graphql`, headers, body);
    if (!text.includes(expected)) throw new Error(text);
  };
};
await asks('mutation { createTodo(input: { id: "1", text: "here" }) { id } }', {}, '"1"')(undefined);

const body = JSON.stringify({ query: '', variables: { text: 'hello' } });
const rows = {
  'bare Node HTTP': (agent) => post(agent, `http://127.0.0.1:${port}/`, headers, body),
  'resolver, no source': asks('query ($text: String!) { shout(text: $text) }', { text: 'hello' }, 'HELLO'),
  'resolver, GetItem': asks('query ($id: ID!) { item(id: $id) { id text } }', { id: '1' }, 'here'),
  'the model itself': asks('query ($id: ID!) { getTodo(id: $id) { id text } }', { id: '1' }, 'here'),
};
let peer = null;
for (const [name, call] of Object.entries(rows)) {
  const { p50, p99, rate } = await measure(call);
  peer ??= { p50, rate };
  console.log(`${name.padEnd(20)} p50 ${p50.toFixed(3)} ms (${(p50 / peer.p50).toFixed(2)} x)   p99 ${p99.toFixed(3)} ms   ${rate.toFixed(0)} calls a second (${(rate / peer.rate).toFixed(2)} x)`);
}
process.exit(0);
