// What a user of ampd feels, each figure beside a peer or a limit measured in the same run:
//   get by id       against nginx serving a static file of the same size
//   durable create  against one fdatasync per write on the same disk
//   start           from exec to the first GraphQL answer, from a compiled manifest
//   reload          from saving resource.ts to the new schema being served
//   subscriptions   memory of 10,000 idle ones, and one mutation fanned out to all of them
// Usage: node bench/ampd.mjs [get create start reload subscriptions]
import { spawn, spawnSync, execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, openSync, closeSync, writeSync, fdatasyncSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { performance } from 'node:perf_hooks';

const AMPD = process.env.AMPD ?? 'build/ampd';
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5);
const SUBSCRIBERS = Number(process.env.BENCH_SUBSCRIBERS ?? 10000);
mkdirSync('build', { recursive: true });
const root = mkdtempSync('build/bench-');
const SDL = `type Todo @model @auth(rules: [{allow: public, provider: apiKey}]) {
  content: String! isDone: Boolean priority: Int tags: [String] }`;
const KEY = () => JSON.parse(readFileSync(join(root, 'amplify_outputs.json'))).data.api_key;

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill();
  rmSync(root, { recursive: true, force: true });
});

function manifest() {
  const path = join(root, 'manifest.json');
  writeFileSync(
    path,
    JSON.stringify({
      formatVersion: 1,
      project: { root, name: 'bench' },
      auth: null,
      data: { name: 'amplifyData', sdl: SDL, authorizationModes: { default: 'apiKey', modes: ['apiKey', 'iam'] }, jsFunctions: [] },
      storage: [], functions: {}, outputs: [],
    }),
  );
  return path;
}

async function startAmpd(args = []) {
  const began = performance.now();
  const child = spawn(AMPD, ['sandbox', '--project', root, '--manifest', manifest(), '--port', '0', ...args]);
  children.add(child);
  let out = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (out += text));
  while (!/Data\S* /.test(out)) {
    if (child.exitCode !== null) throw new Error(out);
    await delay(1);
  }
  const url = /(http:\/\/\S+)\/graphql/.exec(out)[1];
  const stop = () => new Promise((resolve) => child.on('close', resolve) && child.kill());
  return { child, url, began, stop };
}

async function query(url, query, variables) {
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'x-api-key': KEY(), 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return answer.json();
}

const cpuSeconds = (pid) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(stat[11]) + Number(stat[12])) / 100;
};
const rssKiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

function wrk(url, connections, body, script = '') {
  const lua = join(root, 'wrk.lua');
  writeFileSync(
    lua,
    body === null ? '' : `wrk.method="POST"\nwrk.headers["x-api-key"]="${KEY()}"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[${body}]==]\n${script}`,
  );
  const args = ['-t1', `-c${connections}`, `-d${SECONDS}s`, '--latency', '-s', lua, url];
  const text = execFileSync('wrk', args, { encoding: 'utf8' });
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(text);
  if (bad) throw new Error(`${bad[1]} answers were errors`);
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)[1]),
    count: Number(/(\d+) requests in/.exec(text)[1]),
    p99: /99%\s+(\S+)/.exec(text)[1],
  };
}

async function nginx(bytes) {
  const prefix = join(process.cwd(), root, 'nginx');
  mkdirSync(join(prefix, 'logs'), { recursive: true });
  writeFileSync(join(prefix, 'file.json'), 'x'.repeat(bytes));
  const port = 20000 + Math.floor(Math.random() * 10000);
  writeFileSync(
    join(prefix, 'nginx.conf'),
    `daemon off; worker_processes 1; ${process.getuid() === 0 ? 'user root;' : ''} pid ${prefix}/pid; error_log ${prefix}/error.log;
     events { worker_connections 1024; }
     http { access_log off; keepalive_requests 100000000; open_file_cache max=10; sendfile on; types { application/json json; }
       client_body_temp_path ${prefix}/b; proxy_temp_path ${prefix}/p; fastcgi_temp_path ${prefix}/f; uwsgi_temp_path ${prefix}/u; scgi_temp_path ${prefix}/s;
       server { listen 127.0.0.1:${port}; root ${prefix}; } }`,
  );
  const child = spawn('nginx', ['-p', prefix, '-c', `${prefix}/nginx.conf`], { stdio: 'ignore' });
  children.add(child);
  const url = `http://127.0.0.1:${port}/file.json`;
  for (let i = 0; i < 500 && !(await fetch(url).catch(() => null)); i++) await delay(10);
  return { url, stop: () => new Promise((resolve) => child.on('close', resolve) && child.kill()) };
}

const results = [];
function report(name, text, value, limit, good) {
  results.push({ name, ok: good });
  console.log(`${good ? 'ok  ' : 'MISS'} ${name.padEnd(28)} ${text}   [${value} against ${limit}]`);
}

const GET = 'query($id: ID!) { getTodo(id: $id) { id content isDone priority tags createdAt updatedAt } }';
const CREATE = 'mutation($input: CreateTodoInput!) { createTodo(input: $input) { id content isDone priority tags createdAt updatedAt } }';

async function benchGet() {
  const server = await startAmpd(['--threads', '1']);
  const { data } = await query(server.url, CREATE, { input: { content: 'buy milk', isDone: false, priority: 3, tags: ['a', 'b'] } });
  const variables = { id: data.createTodo.id };
  const size = JSON.stringify(await query(server.url, GET, variables)).length;
  const body = JSON.stringify({ query: GET, variables });
  const peer = await nginx(size);
  wrk(`${server.url}/graphql`, 32, body); // warm
  const rounds = [];
  for (let i = 0; i < 3; i++) {
    const cpu = cpuSeconds(server.child.pid);
    const ours = wrk(`${server.url}/graphql`, 32, body);
    const used = cpuSeconds(server.child.pid) - cpu;
    const theirs = wrk(peer.url, 32, null);
    rounds.push({ ours, theirs, ratio: ours.rate / theirs.rate, cpu: (used / ours.count) * 1e6 });
  }
  await peer.stop();
  await server.stop();
  const best = rounds.sort((a, b) => a.ratio - b.ratio)[1];
  report('get by id / nginx', `${Math.round(best.ours.rate)}/s against ${Math.round(best.theirs.rate)}/s, ${best.cpu.toFixed(1)} us of CPU a request, p99 ${best.ours.p99}`, `${best.ratio.toFixed(2)}x`, '0.5x', best.ratio >= 0.5);
}

function syncsPerSecond() {
  const path = join(root, 'sync');
  const fd = openSync(path, 'w');
  const piece = Buffer.alloc(4096, 1);
  const end = performance.now() + 1000 * Math.min(SECONDS, 3);
  let count = 0;
  for (; performance.now() < end; count++) {
    writeSync(fd, piece);
    fdatasyncSync(fd);
  }
  closeSync(fd);
  return count / Math.min(SECONDS, 3);
}

async function benchCreate() {
  const server = await startAmpd();
  const body = JSON.stringify({ query: CREATE, variables: { input: { content: 'buy milk', isDone: false, priority: 3 } } });
  const before = syncsPerSecond();
  const ours = wrk(`${server.url}/graphql`, 64, body);
  const single = wrk(`${server.url}/graphql`, 1, body);
  const syncs = (before + syncsPerSecond()) / 2;
  await server.stop();
  const ratio = ours.rate / syncs;
  report('durable create, 64 clients', `${Math.round(ours.rate)}/s against ${Math.round(syncs)} syncs/s (one client: ${Math.round(single.rate)}/s), p99 ${ours.p99}`, `${ratio.toFixed(1)}x`, '20x', ratio >= 20);
}

async function benchStart() {
  const times = [];
  let rss = 0;
  for (let i = 0; i < 9; i++) {
    const server = await startAmpd();
    const answer = await query(server.url, '{ listTodos(limit: 1) { items { id } } }');
    times.push(performance.now() - server.began);
    if (!answer.data) throw new Error(JSON.stringify(answer));
    if (i === 8) {
      await delay(500);
      rss = rssKiB(server.child.pid);
    }
    await server.stop();
  }
  times.sort((a, b) => a - b);
  report('exec to first answer', `median of 9, worst ${times[8].toFixed(0)} ms`, `${times[4].toFixed(0)} ms`, '50 ms', times[4] <= 50);
  report('idle memory', 'resident, one process', `${(rss / 1024).toFixed(1)} MiB`, '20 MiB', rss <= 20 * 1024);
}

async function benchReload() {
  const project = join(root, 'project');
  const resource = (extra) => `import { a, defineData } from '@aws-amplify/backend';
const schema = a.schema({ Todo: a.model({ content: a.string()${extra} }) }).authorization((allow) => [allow.publicApiKey()]);
export const data = defineData({ schema, authorizationModes: { defaultAuthorizationMode: 'apiKey', apiKeyAuthorizationMode: {} } });`;
  mkdirSync(join(project, 'amplify/data'), { recursive: true });
  writeFileSync(join(project, 'amplify/backend.ts'), `import { defineBackend } from '@aws-amplify/backend';\nimport { data } from './data/resource';\ndefineBackend({ data });`);
  writeFileSync(join(project, 'amplify/data/resource.ts'), resource(''));
  writeFileSync(join(project, 'package.json'), '{"name":"bench","type":"module"}');
  const child = spawn(AMPD, ['sandbox', '--project', project, '--port', '0']);
  children.add(child);
  let out = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (out += text));
  while (!/Data\S* /.test(out)) await delay(5);
  const { data } = JSON.parse(readFileSync(join(project, 'amplify_outputs.json')));
  const times = [];
  for (let i = 0; i < 7; i++) {
    await delay(300);
    writeFileSync(join(project, 'amplify/data/resource.ts'), resource(`, f${i}: a.string()`));
    const began = performance.now();
    for (;;) {
      const answer = await fetch(data.url, { method: 'POST', headers: { 'x-api-key': data.api_key }, body: JSON.stringify({ query: `{ listTodos { items { f${i} } } }` }) });
      if ((await answer.json()).data) break;
      if (performance.now() - began > 10000) throw new Error(out);
    }
    times.push(performance.now() - began);
  }
  await new Promise((resolve) => child.on('close', resolve) && child.kill());
  times.sort((a, b) => a - b);
  report('save to new schema served', `median of 7, worst ${times[6].toFixed(0)} ms`, `${times[3].toFixed(0)} ms`, '500 ms', times[3] <= 500);
}

// ---- subscriptions: raw sockets, so that the client's own cost stays small ------------------

function frame(text) {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? Buffer.from([0x81, 0x80 | payload.length]) : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, Buffer.alloc(4), payload]); // mask of zeros
}

function subscriber(url, auth, onEvent) {
  const { hostname, port } = new URL(url);
  const header = Buffer.from(JSON.stringify(auth)).toString('base64url');
  const socket = net.connect({ host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port) });
  socket.setNoDelay(true);
  socket.write(`GET /graphql/realtime HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-ws, header-${header}\r\n\r\n`);
  const data = JSON.stringify({ query: 'subscription { onCreateTodo { id content isDone priority createdAt updatedAt } }', variables: {} });
  socket.write(frame('{"type":"connection_init"}'));
  socket.write(frame(JSON.stringify({ id: 'a1b2c3d4-0000-4000-8000-000000000000', type: 'start', payload: { data, extensions: { authorization: auth } } })));
  const started = new Promise((resolve, reject) => {
    let seen = '';
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      if (seen !== null) {
        seen += bytes.toString('latin1');
        if (seen.includes('start_ack')) { seen = null; resolve(); }
        else if (seen.includes('"error"')) reject(new Error(seen));
      } else {
        for (let at = bytes.indexOf('"type":"data"'); at >= 0; at = bytes.indexOf('"type":"data"', at + 1)) onEvent();
      }
    });
  });
  return { socket, started };
}

async function benchSubscriptions() {
  const server = await startAmpd();
  const auth = { host: new URL(server.url).host, 'x-api-key': KEY() };
  let arrived = 0;
  const times = [];
  let began = 0;
  const onEvent = () => { arrived++; times.push(performance.now() - began); };
  await query(server.url, CREATE, { input: { content: 'warm' } });
  const idle = rssKiB(server.child.pid);
  const sockets = [];
  for (let i = 0; i < SUBSCRIBERS; i += 200) {
    const group = Array.from({ length: Math.min(200, SUBSCRIBERS - i) }, () => subscriber(server.url, auth, onEvent));
    await Promise.all(group.map((one) => one.started));
    sockets.push(...group.map((one) => one.socket));
  }
  await delay(1000);
  const each = (rssKiB(server.child.pid) - idle) / SUBSCRIBERS;
  report('idle subscription', `${SUBSCRIBERS} sockets with one each`, `${each.toFixed(1)} KiB`, '10 KiB', each <= 10);
  began = performance.now();
  await query(server.url, CREATE, { input: { content: 'to all of them' } });
  while (arrived < SUBSCRIBERS && performance.now() - began < 20000) await delay(5);
  times.sort((a, b) => a - b);
  console.log(`     fan-out to ${arrived} of ${SUBSCRIBERS}: p50 ${times[times.length >> 1]?.toFixed(0)} ms, p99 ${times[Math.floor(times.length * 0.99)]?.toFixed(0)} ms (the one client process reads all)`);
  if (arrived < SUBSCRIBERS) results.push({ name: 'fan-out', ok: false });
  for (const socket of sockets) socket.destroy();
  await server.stop();
}

const all = { get: benchGet, create: benchCreate, start: benchStart, reload: benchReload, subscriptions: benchSubscriptions };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(all);
if (spawnSync('wrk', ['-v']).error) throw new Error('wrk is missing: sh scripts/deps.sh bench');
for (const name of wanted) await all[name]();
const missed = results.filter((result) => !result.ok);
console.log(missed.length === 0 ? 'every figure is within its limit' : `missed: ${missed.map((result) => result.name).join(', ')}`);
