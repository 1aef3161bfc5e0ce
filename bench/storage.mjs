// Objects over plain HTTP on loopback:
//   get-4k, get-1m  pre-signed GETs beside nginx serving the same files; per second of CPU, and bytes a second
//   put-4k          durable PUTs on 64 connections, beside s3rver, which syncs nothing
//   put-64m         one object, whole and in parts, beside MD5's own speed and the disk's
//   memory          of ampd while 100 clients upload at the same time: 16 MiB each, then BENCH_UPLOAD_MB each, of
//                   which there has to be room on the disk for all (1024: 100 GiB); both in one line each
//   space           bytes and inodes of 20,000 objects of 4 KiB (BENCH_OBJECTS)
// Usage: node bench/storage.mjs [NAME...]; s3rver is in bench/storage/node_modules.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { presign, s3Client } from '../tests/crash/s3.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const AMPD = path.resolve(process.env.AMPD ?? path.join(here, '../build/ampd'));
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const UPLOAD_MIB = Number(process.env.BENCH_UPLOAD_MB ?? 64);
const OBJECTS = Number(process.env.BENCH_OBJECTS ?? 20_000);
const MIB = 1024 * 1024;
const CONNECTIONS = 64;
const UPLOADS = 100;
const ROUNDS = 3;
const root = mkdtempSync(path.join(tmpdir(), 'ampd-bench-storage-'));
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const report = (name, text, good = true, limit = '') => console.log(`${good ? 'ok  ' : 'MISS'} ${name.padEnd(10)} ${text}${limit && `   [wanted: ${limit}]`}`);
const rate = (bytes, seconds) => `${(bytes / MIB / seconds).toFixed(0)} MiB/s`;

function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(stat[11]) + Number(stat[12])) / 100;
}

const memory = (pid, what) => Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  children.add(child);
  const server = { child, pid: child.pid, log: '' };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (server.log += text));
  server.ended = new Promise((resolve) => child.on('close', resolve));
  server.stop = async () => {
    child.kill();
    await server.ended;
    children.delete(child);
  };
  return server;
}

async function until(server, ready) {
  while (!(await ready())) {
    if (server.child.exitCode !== null) throw new Error(server.log);
    await sleep(20);
  }
  return server;
}

async function startAmpd(...args) {
  const manifest = path.join(root, 'manifest.json');
  writeFileSync(manifest, JSON.stringify({
    formatVersion: 1, project: { root, name: 'bench' }, auth: null, data: null,
    storage: [{ name: 'files', isDefault: true, access: {} }], functions: {}, outputs: [],
  }));
  const server = start(AMPD, ['sandbox', '--project', root, '--manifest', manifest, '--port', '0', ...args]);
  await until(server, () => /Data\s+\S+/.test(server.log));
  server.origin = `http://127.0.0.1:${/GraphQL\s+http:\/\/[^:/]+:(\d+)/.exec(server.log)[1]}`;
  server.data = path.join(root, '.amplify/ampd');
  server.key = JSON.parse(execFileSync(AMPD, ['keys', 'create', '--json', '--data-dir', server.data]));
  server.bucket = '/amplify.files';
  server.s3 = s3Client(server.origin, server.key);
  return server;
}

async function startPeer() {
  const port = await freePort();
  const folder = path.join(root, 's3rver');
  mkdirSync(folder);
  const server = start(process.execPath, [path.join(here, 'storage/node_modules/s3rver/bin/s3rver.js'), '-d', folder, '-p', String(port),
    '-a', '127.0.0.1', '--silent', '--configure-bucket', 'files']);
  server.origin = `http://127.0.0.1:${port}`;
  server.key = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
  server.bucket = '/files';
  server.s3 = s3Client(server.origin, server.key);
  return until(server, () => fetch(server.origin).then(() => true, () => false));
}

async function startNginx(files) {
  const port = await freePort();
  const www = path.join(root, 'www');
  mkdirSync(www);
  for (const [name, body] of Object.entries(files)) writeFileSync(path.join(www, name), body);
  const conf = path.join(root, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${root}/${name};`).join(' ');
  writeFileSync(conf, `worker_processes 1; daemon off; pid ${root}/nginx.pid; error_log ${root}/nginx.log;
${process.getuid() === 0 ? 'user root;' : ''} events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on; open_file_cache max=100; ${temporary}
server { listen 127.0.0.1:${port}; root ${www}; } }`);
  const server = start('nginx', ['-c', conf]);
  server.origin = `http://127.0.0.1:${port}`;
  await until(server, () => fetch(server.origin).then(() => true, () => false));
  server.pid = Number(readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim());
  return server;
}

/** wrk's count and seconds, and the server's seconds of CPU meanwhile. */
async function wrk(server, url, { connections = CONNECTIONS, script } = {}) {
  const before = cpuSeconds(server.pid);
  const child = spawn('wrk', ['-t1', '-c', String(connections), '-d', `${SECONDS}s`, ...(script ? ['-s', script] : []), url]);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => (text += more));
  await new Promise((resolve) => child.on('close', resolve));
  const [, count, seconds] = /(\d+) requests in ([\d.]+)s/.exec(text) ?? [];
  if (!count || /Non-2xx/.test(text)) throw new Error(text);
  return { count: Number(count), seconds: Number(seconds), cpu: cpuSeconds(server.pid) - before };
}

async function put(server, name, body) {
  const answer = await server.s3('PUT', `${server.bucket}/${name}`, { body });
  if (answer.status !== 200) throw new Error(`PUT ${name}: ${answer.status} ${answer.body}`);
}

// ---- downloads ---------------------------------------------------------------------------------

async function downloads(name, size, ampd, nginx, peer, judge) {
  const figures = { ampd: [], nginx: [] };
  await put(ampd, name, nginx.files[name]);
  for (let round = 0; round < ROUNDS; round++) {
    figures.ampd.push(await wrk(ampd, ampd.origin + presign(ampd.origin, ampd.key, 'GET', `${ampd.bucket}/${name}`), { connections: size > MIB / 2 ? 8 : CONNECTIONS }));
    figures.nginx.push(await wrk(nginx, `${nginx.origin}/${name}`, { connections: size > MIB / 2 ? 8 : CONNECTIONS }));
  }
  const perCpu = (who) => median(figures[who].map(({ count, cpu }) => count / cpu));
  const speed = (who) => median(figures[who].map(({ count, seconds }) => (count * size) / seconds));
  let other = '';
  if (peer) {
    await put(peer, name, nginx.files[name]);
    const theirs = await wrk(peer, peer.origin + presign(peer.origin, peer.key, 'GET', `${peer.bucket}/${name}`), { connections: 8 });
    other = `; s3rver ${(theirs.count / theirs.cpu).toFixed(0)}, ${rate(theirs.count * size, theirs.seconds)}`;
  }
  const cpu = perCpu('ampd') / perCpu('nginx');
  const bytes = speed('ampd') / speed('nginx');
  report(name, `${perCpu('ampd').toFixed(0)} per CPU second, nginx ${perCpu('nginx').toFixed(0)} (${cpu.toFixed(2)}); ` +
    `${rate(speed('ampd'), 1)}, nginx ${rate(speed('nginx'), 1)} (${bytes.toFixed(2)})${other}`, ...judge(cpu, bytes));
}

// ---- uploads -----------------------------------------------------------------------------------

function putScript(server, file, size) {
  const paths = Array.from({ length: 1000 }, (_, i) => JSON.stringify(presign(server.origin, server.key, 'PUT', `${server.bucket}/put/${i}`)));
  writeFileSync(file, `local paths = { ${paths.join(',\n')} }
local body = string.rep("x", ${size})
local i = 0
request = function()
  i = i % #paths + 1
  return wrk.format("PUT", paths[i], nil, body)
end\n`);
  return file;
}

async function smallUploads(ampd, peer) {
  const ours = await wrk(ampd, ampd.origin, { script: putScript(ampd, path.join(root, 'put.lua'), 4096) });
  const theirs = peer && (await wrk(peer, peer.origin, { script: putScript(peer, path.join(root, 'peer.lua'), 4096) }));
  report('put-4k', `${(ours.count / ours.seconds).toFixed(0)} durable a second on ${CONNECTIONS} connections, ${(ours.count / ours.cpu).toFixed(0)} per CPU second` +
    (theirs ? `; s3rver ${(theirs.count / theirs.seconds).toFixed(0)} a second, unsynced` : ''));
}

async function inParts(server, name, body, part) {
  const target = `${server.bucket}/${name}`;
  const created = await server.s3('POST', target, { query: { uploads: '' } });
  if (created.status !== 200) return null; // not served
  const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(created.body)[1];
  const tags = [];
  const numbers = Array.from({ length: Math.ceil(body.length / part) }, (_, i) => i + 1);
  const began = performance.now();
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let n = numbers.shift(); n !== undefined; n = numbers.shift()) {
      const answer = await server.s3('PUT', target, { query: { uploadId, partNumber: String(n) }, body: body.subarray((n - 1) * part, n * part) });
      if (answer.status !== 200) throw new Error(`part: ${answer.status} ${answer.body}`);
      tags[n] = answer.headers.get('etag');
    }
  }));
  const list = tags.map((tag, n) => `<Part><PartNumber>${n}</PartNumber><ETag>${tag}</ETag></Part>`).join('');
  const done = await server.s3('POST', target, { query: { uploadId }, body: Buffer.from(`<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`) });
  if (done.status !== 200) throw new Error(`complete: ${done.status} ${done.body}`);
  return (performance.now() - began) / 1000;
}

async function timed(fn) {
  const began = performance.now();
  await fn();
  return (performance.now() - began) / 1000;
}

async function largeUploads(ampd, peer) {
  const body = randomBytes(64 * MIB);
  const file = path.join(root, 'body');
  writeFileSync(file, body);
  const md5 = await timed(() => createHash('md5').update(body).digest());
  const openssl = await timed(() => spawnSync('openssl', ['dgst', '-md5', file]));
  const disk = await timed(() => spawnSync('dd', [`if=${file}`, `of=${file}.copy`, 'bs=1M', 'conv=fsync'], { stdio: 'ignore' }));
  const times = { whole: [], parts: [] };
  for (let i = 0; i < ROUNDS; i++) {
    times.whole.push(await timed(() => put(ampd, 'whole', body)));
    times.parts.push(await inParts(ampd, 'parts', body, 8 * MIB));
  }
  const theirs = peer && (await timed(() => put(peer, 'whole', body)));
  report('put-64m', `whole ${rate(body.length, median(times.whole))}` +
    (times.parts[0] ? `, in 8 parts ${rate(body.length, median(times.parts))}` : '') +
    `; openssl md5 ${rate(body.length, openssl)} (in memory ${rate(body.length, md5)}), disk ${rate(body.length, disk)}` +
    (theirs ? `, s3rver ${rate(body.length, theirs)}` : ''));
}

function streamed(ampd, name, size, agent) {
  const piece = Buffer.alloc(64 * 1024, 1);
  return new Promise((resolve, reject) => {
    const out = request(`${ampd.origin}${presign(ampd.origin, ampd.key, 'PUT', `${ampd.bucket}/${name}`)}`, { method: 'PUT', agent, headers: { 'content-length': size } },
      (answer) => answer.resume().on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(String(answer.statusCode))))));
    out.on('error', reject);
    let left = size;
    const more = () => {
      while (left > 0) {
        left -= piece.length;
        if (!out.write(piece)) return out.once('drain', more);
      }
      out.end();
    };
    more();
  });
}

/** The most that its own pages took, in MiB, and all that was resident. */
async function uploadsOf(ampd, mib) {
  const { bavail, bsize } = statfsSync(root);
  const room = (bavail * bsize) / MIB;
  if (room < UPLOADS * mib * 1.2) throw new Error(`${UPLOADS} uploads of ${mib} MiB need more than the ${room.toFixed(0)} MiB that are free: set BENCH_UPLOAD_MB`);
  const agent = new Agent({ keepAlive: false });
  let own = 0;
  let all = 0;
  const look = () => {
    own = Math.max(own, memory(ampd.pid, 'RssAnon'));
    all = Math.max(all, memory(ampd.pid, 'VmRSS'));
  };
  const timer = setInterval(look, 20);
  const seconds = await timed(() => Promise.all(Array.from({ length: UPLOADS }, (_, i) => streamed(ampd, `memory/${i}`, mib * MIB, agent))));
  clearInterval(timer);
  look();
  await Promise.all(Array.from({ length: UPLOADS }, (_, i) => ampd.s3('DELETE', `${ampd.bucket}/memory/${i}`)));
  return { own, all, seconds };
}

async function uploadMemory(ampd) {
  const idle = memory(ampd.pid, 'RssAnon');
  let first;
  for (const mib of new Set([16, UPLOAD_MIB])) {
    const { own, all, seconds } = await uploadsOf(ampd, mib);
    first ??= own;
    report('memory', `${UPLOADS} uploads of ${mib} MiB at once: ${own.toFixed(0)} MiB at most (resident ${all.toFixed(0)}), ${idle.toFixed(0)} before; ` +
      rate(UPLOADS * mib * MIB, seconds), own - idle < 100 && own < first * 1.25, 'under 1 MiB each, whatever the size');
  }
}

// ---- space -------------------------------------------------------------------------------------

function usage(folder) {
  let bytes = 0;
  let inodes = 0;
  for (const name of ['.', ...readdirSync(folder, { recursive: true })]) {
    const info = statSync(path.join(folder, name));
    bytes += info.blocks * 512;
    inodes++;
  }
  return { bytes, inodes };
}

async function space(ampd) {
  const before = usage(ampd.data);
  let next = 0;
  const workers = (fn) => Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    for (let i = next++; i < OBJECTS; i = next++) await fn(i);
  }));
  await workers((i) => put(ampd, `space/${i}`, Buffer.alloc(4096, i)));
  const full = usage(ampd.data);
  next = 0;
  await workers((i) => ampd.s3('DELETE', `${ampd.bucket}/space/${i}`));
  const empty = usage(ampd.data);
  next = 0;
  await workers((i) => put(ampd, `again/${i}`, Buffer.alloc(4096, i)));
  const again = usage(ampd.data);
  report('space', `${OBJECTS} objects of 4 KiB: ${((full.bytes - before.bytes) / OBJECTS).toFixed(0)} bytes and ${((full.inodes - before.inodes) / OBJECTS).toFixed(4)} inodes each; ` +
    `${rate(full.bytes, 1).replace('/s', '')} when full, ${rate(empty.bytes, 1).replace('/s', '')} when all are deleted, ${rate(again.bytes, 1).replace('/s', '')} when full again`);
}

// ---- all ---------------------------------------------------------------------------------------

const wanted = process.argv.slice(2);
const asked = (name) => wanted.length === 0 || wanted.includes(name);
const ampd = await startAmpd('--threads', process.env.BENCH_THREADS ?? '1'); // as nginx has one worker
const hasPeer = existsSync(path.join(here, 'storage/node_modules/s3rver'));
const peer = hasPeer && !process.env.BENCH_NO_PEER ? await startPeer() : null;
if (asked('get-4k') || asked('get-1m')) {
  const files = { 'get-4k': randomBytes(4096), 'get-1m': randomBytes(MIB) };
  const nginx = await startNginx(files);
  nginx.files = files;
  if (asked('get-4k')) await downloads('get-4k', 4096, ampd, nginx, peer, (cpu) => [cpu >= 0.7, '0.70 per CPU second']);
  if (asked('get-1m')) await downloads('get-1m', MIB, ampd, nginx, peer, (_, bytes) => [bytes >= 0.9, '0.90 of the bytes']);
  await nginx.stop();
}
if (asked('put-4k')) await smallUploads(ampd, peer);
if (asked('put-64m')) await largeUploads(ampd, peer);
if (asked('memory')) await uploadMemory(ampd);
if (asked('space')) await space(ampd);
await peer?.stop();
await ampd.stop();
