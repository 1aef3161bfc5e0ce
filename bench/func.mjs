// What a call of a function costs, each figure beside peers measured in the same run:
//   warm   Invoke of a handler that is loaded, one caller: against a bare Node.js server's round trip with the same work, and lambda-local
//   many   the same with 16 callers at once
//   cold   the first call of a function: against `node` that imports the same bundle, and lambda-local's command
// Usage: node bench/func.mjs [warm many cold]; lambda-local is in bench/func/node_modules.
import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const AMPD = path.resolve(process.env.AMPD ?? path.join(here, '../build/ampd'));
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const ROUNDS = 5;
const STARTS = 9; // cold, of each kind
const EVENT = JSON.stringify({ orderId: 'o-1', items: [{ sku: 'a', count: 2 }, { sku: 'b', count: 1 }], note: 'n'.repeat(100) });
const root = mkdtempSync(path.join(tmpdir(), 'ampd-bench-func-'));
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const sorted = (list) => [...list].sort((a, b) => a - b);
const at = (list, part) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * part))];
const median = (list) => at(list, 0.5);
const report = (name, text, value, good, limit) =>
  console.log(`${good ? 'ok  ' : 'MISS'} ${name.padEnd(30)} ${text}   [${value} against ${limit}]`);

function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  children.add(child);
  const server = { child, log: '' };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (server.log += text));
  server.ended = new Promise((resolve) => child.on('close', resolve)).then((code) => {
    children.delete(child);
    return code;
  });
  server.stop = () => {
    child.kill();
    return server.ended;
  };
  return server;
}

async function until(server, ready) {
  while (!(await ready())) {
    if (server.child.exitCode !== null) throw new Error(server.log);
    await sleep(20);
  }
}

// ---- who is measured -----------------------------------------------------------------------------

const SMALL = `interface Order { orderId: string; items: { sku: string; count: number }[] }
let calls = 0;
export const handler = async (event: Order) => {
  calls++;
  return { orderId: event.orderId, total: event.items.reduce((sum, { count }) => sum + count, 0), calls };
};
`;
const WITH_SDK = `import { LambdaClient } from '@aws-sdk/client-lambda';
const client = new LambdaClient({});
export const handler = async () => typeof client.send;
`;

const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** The headers of an Invoke, signed once: they are good for a quarter of an hour. */
function signed(origin, name, { accessKeyId, secretAccessKey }) {
  const { host } = new URL(origin);
  const route = `/2015-03-31/functions/${name}/invocations`;
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${stamp.slice(0, 8)}/us-east-1/lambda/aws4_request`;
  const canonical = `POST\n${route}\n\nhost:${host}\nx-amz-date:${stamp}\n\nhost;x-amz-date\n${sha256(EVENT)}`;
  const key = scope.split('/').reduce((secret, part) => hmac(secret, part), `AWS4${secretAccessKey}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
  return { url: `${origin}${route}`, headers: { host, 'x-amz-date': stamp, authorization, 'content-type': 'application/json' } };
}

async function startAmpd() {
  const project = path.join(root, 'project');
  mkdirSync(path.join(project, 'amplify'), { recursive: true });
  symlinkSync(path.join(here, 'func/node_modules'), path.join(project, 'node_modules'));
  writeFileSync(path.join(project, 'package.json'), '{"name":"bench","type":"module"}');
  writeFileSync(path.join(project, 'amplify/small.ts'), SMALL);
  writeFileSync(path.join(project, 'amplify/sdk.ts'), WITH_SDK);
  writeFileSync(path.join(project, 'amplify/backend.ts'), `import { defineBackend, defineFunction } from '@aws-amplify/backend';
const many = (kind: string) => Object.fromEntries(Array.from({ length: ${STARTS} }, (_, i) =>
  [kind + i, defineFunction({ name: kind + i, entry: './' + kind + '.ts', timeoutSeconds: 30 })]));
defineBackend({ warm: defineFunction({ name: 'warm', entry: './small.ts', timeoutSeconds: 30 }), ...many('small'), ...many('sdk') });
`);
  const data = path.join(root, 'data');
  const server = start(AMPD, ['sandbox', '--once', '--project', project, '--port', '0', '--data-dir', data, '--outputs-out-dir', root]);
  await until(server, () => / is ready in /.test(server.log));
  const keys = start(AMPD, ['keys', 'create', '--json', '--data-dir', data]);
  await keys.ended;
  server.key = JSON.parse(keys.log);
  server.origin = JSON.parse(readFileSync(path.join(data, 'admin.json'), 'utf8')).url;
  server.bundle = (name) => path.join(project, `.amplify/generated/functions/${name}.mjs`);
  server.invoke = (name) => signed(server.origin, name, server.key);
  return server;
}

/** The same handler behind node:http, nothing else. */
async function startNode(bundle) {
  const program = `import http from 'node:http';
const { handler } = await import(${JSON.stringify(bundle)});
http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part)).on('end', async () => {
    const body = JSON.stringify(await handler(JSON.parse(Buffer.concat(parts).toString())));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
  });
}).listen(0, '127.0.0.1', function () { console.log('port ' + this.address().port); });`;
  const server = start(process.execPath, ['--input-type=module', '-e', program]);
  await until(server, () => /port \d+/.test(server.log));
  server.request = { url: `http://127.0.0.1:${/port (\d+)/.exec(server.log)[1]}/`, headers: { 'content-type': 'application/json' } };
  return server;
}

/** The same handler by lambda-local's execute, behind node:http. */
async function startLambdaLocal(bundle) {
  const program = `import http from 'node:http';
import { createRequire } from 'node:module';
const lambdaLocal = createRequire(${JSON.stringify(path.join(here, 'func/x.js'))})('lambda-local');
http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part)).on('end', async () => {
    const event = JSON.parse(Buffer.concat(parts).toString());
    const result = await lambdaLocal.execute({ event, lambdaPath: ${JSON.stringify(bundle)}, esm: true, timeoutMs: 30000, verboseLevel: 0 });
    const body = JSON.stringify(result);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
  });
}).listen(0, '127.0.0.1', function () { console.log('port ' + this.address().port); });`;
  const server = start(process.execPath, ['--input-type=module', '-e', program]);
  await until(server, () => /port \d+/.test(server.log));
  server.request = { url: `http://127.0.0.1:${/port (\d+)/.exec(server.log)[1]}/`, headers: { 'content-type': 'application/json' } };
  return server;
}

/** Seconds of CPU of a process, and of all that it started and theirs. */
function cpuSeconds(pid) {
  const all = new Map();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1).split(' ');
      all.set(Number(name), { parent: Number(stat[1]), seconds: (Number(stat[11]) + Number(stat[12])) / 100 });
    } catch {} // it has ended
  }
  const isOf = (one) => one === pid || (all.has(one) && isOf(all.get(one).parent));
  return [...all].reduce((sum, [one, { seconds }]) => sum + (isOf(one) ? seconds : 0), 0);
}

// ---- measuring -----------------------------------------------------------------------------------

function post(agent, { url, headers }) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(EVENT) } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () =>
        response.statusCode === 200 && !response.headers['x-amz-function-error'] ? resolve(text) : reject(new Error(`${response.statusCode}: ${text}`)));
    });
    request.on('error', reject);
    request.end(EVENT);
  });
}

/** Milliseconds of each call, and calls a second. */
async function load(request, callers, ms, pid) {
  const cpu = cpuSeconds(pid);
  const agent = new http.Agent({ keepAlive: true, maxSockets: callers });
  const times = [];
  const began = performance.now();
  await Promise.all(Array.from({ length: callers }, async () => {
    while (performance.now() - began < ms) {
      const before = performance.now();
      await post(agent, request);
      times.push(performance.now() - before);
    }
  }));
  const rate = (times.length * 1000) / (performance.now() - began);
  agent.destroy();
  return { p50: median(times), p99: at(times, 0.99), rate, cpu: ((cpuSeconds(pid) - cpu) * 1e6) / times.length };
}

async function benchCalls(ampd, callers) {
  const bundle = ampd.bundle('warm');
  const [node, local] = await Promise.all([startNode(bundle), startLambdaLocal(bundle)]);
  const requests = { ampd: ampd.invoke('warm'), node: node.request, local: local.request };
  const pids = { ampd: ampd.child.pid, node: node.child.pid, local: local.child.pid };
  for (const request of Object.values(requests)) await load(request, callers, 500);
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) {
    const round = {};
    for (const [name, request] of Object.entries(requests)) round[name] = await load(request, callers, (SECONDS * 1000) / 2, pids[name]);
    rounds.push(round);
  }
  await Promise.all([node.stop(), local.stop()]);
  const of = (who, what) => median(rounds.map((round) => round[who][what]));
  const text = (who) => `p50 ${of(who, 'p50').toFixed(3)} p99 ${of(who, 'p99').toFixed(3)} ms, ${of(who, 'rate').toFixed(0)}/s, ${of(who, 'cpu').toFixed(0)} us of CPU`;
  const ratio = (what) => median(rounds.map((round) => round.ampd[what] / round.node[what]));
  const name = callers === 1 ? 'warm call / bare Node' : `${callers} callers / bare Node`;
  console.log(`     ${name.padEnd(30)} ampd ${text('ampd')}; node ${text('node')}; lambda-local ${text('local')}`);
  if (callers === 1) report(name, 'p50 of Invoke, signed, logged, in a process of its own', `${ratio('p50').toFixed(2)}x`, ratio('p50') <= 3, '3x');
  else report(name, 'calls a second', `${ratio('rate').toFixed(2)}x`, ratio('rate') >= 0.3, '0.3x');
  const peer = median(rounds.map((round) => round.ampd.rate / round.local.rate));
  report(name.replace('bare Node', 'lambda-local'), 'calls a second', `${peer.toFixed(2)}x`, peer >= 1, '1x');
}

async function timed(command, args) {
  const began = performance.now();
  const process_ = start(command, args);
  if ((await process_.ended) !== 0) throw new Error(process_.log);
  return performance.now() - began;
}

async function benchCold(ampd) {
  for (const kind of ['small', 'sdk']) {
    const times = { ampd: [], node: [], local: [] };
    const event = path.join(root, 'event.json');
    writeFileSync(event, EVENT);
    for (let i = 0; i < STARTS; i++) {
      const bundle = ampd.bundle(`${kind}${i}`);
      const program = `import(${JSON.stringify(bundle)}).then(async ({ handler }) => { console.log(JSON.stringify(await handler(${EVENT}))); process.exit(0); })`;
      const before = performance.now();
      await post(undefined, ampd.invoke(`${kind}${i}`));
      times.ampd.push(performance.now() - before);
      times.node.push(await timed(process.execPath, ['-e', program]));
      const local = path.join(here, 'func/node_modules/lambda-local/build/cli.js');
      times.local.push(await timed(process.execPath, [local, '-l', bundle, '-e', event, '-E', '{}', '--esm', '-t', '30']));
    }
    const name = `cold, ${kind === 'small' ? 'a small handler' : 'with an SDK client'}`;
    const ratio = median(times.ampd) / median(times.node);
    const text = (who) => `${median(times[who]).toFixed(0)} ms`;
    report(`${name} / node`, `${text('ampd')} (worst ${Math.max(...times.ampd).toFixed(0)}) against ${text('node')}; lambda-local ${text('local')}`,
      `${ratio.toFixed(2)}x`, ratio <= 1.5, '1.5x');
  }
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ['warm', 'many', 'cold'];
const ampd = await startAmpd();
if (wanted.includes('warm')) await benchCalls(ampd, 1);
if (wanted.includes('many')) await benchCalls(ampd, 16);
if (wanted.includes('cold')) await benchCold(ampd);
await ampd.stop();
