// What signing in costs, and being signed in:
//   sign-ins        complete ones by SRP, beside cognito-local's with the plain password, which does no such work
//   token / API key CPU of a get by id of who brings a user pool's token, against who brings the API key
// Usage: node bench/auth.mjs; cognito-local is in bench/auth/node_modules.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const here = path.dirname(fileURLToPath(import.meta.url));
const AMPD = path.resolve(process.env.AMPD ?? path.join(here, '../build/ampd'));
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const ROUNDS = 5;
const CLIENTS = 16;
const WORKERS = 2;
const PASSWORD = 'Corr3ct-horse!';
const root = mkdtempSync(path.join(tmpdir(), 'ampd-bench-auth-'));
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const report = (name, text, value, good, limit) => console.log(`${good ? 'ok  ' : 'MISS'} ${name.padEnd(26)} ${text}   [${value} against ${limit}]`);

function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(stat[11]) + Number(stat[12])) / 100;
}

async function post(origin, operation, input) {
  const answer = await fetch(origin, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` },
    body: JSON.stringify(input),
  });
  const body = await answer.json();
  if (answer.status !== 200) throw new Error(`${operation}: ${JSON.stringify(body)}`);
  return body;
}

function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  children.add(child);
  const server = { child, log: '' };
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
}

async function startAmpd() {
  const manifest = path.join(root, 'manifest.json');
  writeFileSync(manifest, JSON.stringify({
    formatVersion: 1,
    project: { root, name: 'bench' },
    auth: {
      name: 'amplifyAuth', usernameAttributes: ['email'], autoVerifiedAttributes: ['email'],
      client: { explicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH'] },
    },
    data: {
      name: 'amplifyData',
      sdl: 'type Todo @model @auth(rules: [{allow: public, provider: apiKey}, {allow: private}]) { content: String! isDone: Boolean }',
      authorizationModes: { default: 'apiKey', modes: ['apiKey', 'userPool'] }, jsFunctions: [],
    },
    storage: [], functions: {}, outputs: [],
  }));
  const server = start(AMPD, ['sandbox', '--project', root, '--manifest', manifest, '--port', '0']);
  await until(server, () => / is ready in /.test(server.log));
  const outputs = JSON.parse(readFileSync(path.join(root, 'amplify_outputs.json')));
  server.graphql = outputs.data.url;
  server.key = outputs.data.api_key;
  server.origin = new URL(outputs.data.url).origin;
  server.clientId = outputs.auth.user_pool_client_id;
  server.pool = outputs.auth.user_pool_id.split('_')[1];
  server.users = [];
  for (let i = 0; i < CLIENTS; i++) {
    const Username = `user${i}@example.com`;
    await post(server.origin, 'SignUp', { ClientId: server.clientId, Username, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: Username }] });
    const { code } = await (await fetch(`${server.origin}/_ampd/inbox?wait=${encodeURIComponent(Username)}&seconds=10`)).json();
    await post(server.origin, 'ConfirmSignUp', { ClientId: server.clientId, Username, ConfirmationCode: code });
    server.users.push({ username: Username, password: PASSWORD });
  }
  return server;
}

async function startCognitoLocal() {
  const port = await new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const found = probe.address().port;
      probe.close(() => resolve(found));
    });
  });
  const program = path.join(here, 'auth/node_modules/cognito-local/lib/bin/start.js');
  const server = start(process.execPath, [program], { cwd: root, env: { ...process.env, HOST: '127.0.0.1', PORT: String(port) } });
  await until(server, () => /running on/.test(server.log));
  server.origin = `http://127.0.0.1:${port}`;
  const { UserPool } = await post(server.origin, 'CreateUserPool', { PoolName: 'bench' });
  const { UserPoolClient } = await post(server.origin, 'CreateUserPoolClient', { UserPoolId: UserPool.Id, ClientName: 'bench' });
  server.clientId = UserPoolClient.ClientId;
  server.pool = UserPool.Id;
  server.users = [];
  for (let i = 0; i < CLIENTS; i++) {
    const Username = `user${i}@example.com`;
    await post(server.origin, 'AdminCreateUser', { UserPoolId: UserPool.Id, Username, MessageAction: 'SUPPRESS', UserAttributes: [{ Name: 'email', Value: Username }] });
    await post(server.origin, 'AdminSetUserPassword', { UserPoolId: UserPool.Id, Username, Password: PASSWORD, Permanent: true });
    server.users.push({ username: Username, password: PASSWORD });
  }
  return server;
}

/** Workers that sign in the server's users; round() gives sign-ins a second, and the server's CPU for each in ms. */
function clients(server, srp) {
  const workers = Array.from({ length: WORKERS }, (_, at) => new Worker(path.join(here, 'auth/client.mjs'), {
    workerData: {
      origin: server.origin, clientId: server.clientId, pool: server.pool, srp,
      users: server.users.filter((_user, i) => i % WORKERS === at),
    },
  }));
  const once = (worker, ms) => new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.postMessage(ms);
  });
  return {
    round: async (ms) => {
      const [began, cpu] = [performance.now(), cpuSeconds(server.child.pid)];
      const counts = await Promise.all(workers.map((worker) => once(worker, ms)));
      const count = counts.reduce((sum, one) => sum + one, 0);
      return { rate: (count * 1000) / (performance.now() - began), cpu: ((cpuSeconds(server.child.pid) - cpu) * 1000) / count };
    },
    end: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

async function benchSignIns(ampd) {
  const peer = await startCognitoLocal();
  const ours = clients(ampd, true);
  const theirs = clients(peer, false);
  const rounds = [];
  await ours.round(500);
  await theirs.round(500);
  for (let i = 0; i < ROUNDS; i++) {
    rounds.push({ ours: await ours.round(SECONDS * 1000), theirs: await theirs.round(SECONDS * 1000) });
  }
  await ours.end();
  await theirs.end();
  await peer.stop();
  const rate = (whose) => median(rounds.map((round) => round[whose].rate)).toFixed(0);
  const cpu = (whose) => median(rounds.map((round) => round[whose].cpu)).toFixed(2);
  const ratio = median(rounds.map((round) => round.ours.rate / round.theirs.rate));
  report('sign-ins / cognito-local', `${rate('ours')}/s by SRP (${cpu('ours')} ms of CPU) against ${rate('theirs')}/s by password (${cpu('theirs')} ms)`,
    `${ratio.toFixed(2)}x`, ratio >= 1, '1x');
}

const GET = 'query($id: ID!) { getTodo(id: $id) { id content isDone createdAt updatedAt } }';

async function benchToken(ampd) {
  const name = 'get by id, token / API key';
  const ask = async (headers, query, variables) =>
    (await fetch(ampd.graphql, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ query, variables }) })).json();
  const { data } = await ask({ 'x-api-key': ampd.key }, 'mutation { createTodo(input: {content: "buy milk", isDone: false}) { id } }');
  const variables = { id: data.createTodo.id };
  const { AuthenticationResult } = await post(ampd.origin, 'InitiateAuth', {
    ClientId: ampd.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: ampd.users[0].username, PASSWORD },
  });
  const headers = { key: ['x-api-key', ampd.key], token: ['authorization', AuthenticationResult.AccessToken] };
  const tried = await ask({ [headers.token[0]]: headers.token[1] }, GET, variables);
  if (!tried.data?.getTodo) {
    console.log(`     ${name.padEnd(26)} not served yet: ${tried.errors?.[0]?.message}`);
    return;
  }
  if (spawnSync('wrk', ['-v']).error) throw new Error('wrk is missing: sh scripts/deps.sh bench');
  const measure = ([header, value]) => {
    const lua = path.join(root, 'wrk.lua');
    writeFileSync(lua, `wrk.method="POST"\nwrk.headers["${header}"]="${value}"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[${JSON.stringify({ query: GET, variables })}]==]\n`);
    const before = cpuSeconds(ampd.child.pid);
    const text = execFileSync('wrk', ['-t1', '-c16', `-d${SECONDS}s`, '-s', lua, ampd.graphql], { encoding: 'utf8' });
    if (/Non-2xx/.test(text)) throw new Error(text);
    return ((cpuSeconds(ampd.child.pid) - before) * 1e6) / Number(/(\d+) requests in/.exec(text)[1]);
  };
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push({ key: measure(headers.key), token: measure(headers.token) });
  const us = (which) => median(rounds.map((round) => round[which])).toFixed(1);
  const ratio = median(rounds.map((round) => round.token / round.key));
  report(name, `${us('token')} us of CPU against ${us('key')} us`, `${ratio.toFixed(2)}x`, ratio <= 1.3, '1.3x');
}

const ampd = await startAmpd();
await benchSignIns(ampd);
await benchToken(ampd);
await ampd.stop();
