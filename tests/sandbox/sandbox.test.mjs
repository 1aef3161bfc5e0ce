// The sandbox's life: start, health, outputs, live changes, errors, orderly end.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, stat } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { OP, WebSocketPeer, frame } from '../wire/websocket.mjs';
import { AMPD, resource, run, start, todoProject, makeProject, backend, TODO, until } from './sandbox.mjs';

const CREATE = 'mutation ($input: CreateTodoInput!) { createTodo(input: $input) { id content } }';
const LIST = '{ listTodos { items { id content } nextToken } }';

test('a project is served, told of, and ended in order', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  const health = await server.health();
  assert.equal(health.status, 200);
  assert.equal(health.body.status, 'ok');
  assert.equal(health.body.version, (await run(['version'])).out.trim().split(' ')[1]);
  assert.ok(health.body.readyMs > 0);
  const created = await server.query(CREATE, { input: { content: 'one' } });
  assert.equal(created.data.createTodo.content, 'one');
  const outputs = await project.outputs();
  assert.equal(outputs.data.url, `${server.url()}/graphql`);
  assert.equal(outputs.API.GraphQL.endpoint, outputs.data.url);
  assert.ok(!outputs.version.startsWith('1'));
  assert.equal(await server.stop(), 0);
});

test('ids, data and the outputs file stay the same from one start to the next', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const port = String(await freePort());
  let server = await start(project, ['--port', port]);
  await server.query(CREATE, { input: { content: 'kept' } });
  await server.stop();
  const before = await readFile(project.path('amplify_outputs.json'), 'utf8');
  const written = (await stat(project.path('amplify_outputs.json'))).mtimeMs;
  server = await start(project, ['--port', port]);
  t.after(() => server.stop());
  assert.equal(await readFile(project.path('amplify_outputs.json'), 'utf8'), before);
  assert.equal((await stat(project.path('amplify_outputs.json'))).mtimeMs, written, 'not rewritten');
  const list = await server.query(LIST);
  assert.deepEqual(list.data.listTodos.items.map((item) => item.content), ['kept']);
});

// Below the range from which the system gives out ports, so that no other process is given it.
function freePort() {
  return new Promise((resolve) => {
    const port = 20000 + Math.floor(Math.random() * 10000);
    const probe = net.createServer();
    probe.on('error', () => resolve(freePort()));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}

test('a changed model is served without a restart, keeping data and connections', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  t.after(() => server.stop());
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  let sockets = 0;
  const { data } = await project.outputs();
  const ask = async (query) => {
    const request = http.request(data.url, {
      agent,
      method: 'POST',
      headers: { 'x-api-key': data.api_key, 'content-type': 'application/json' },
    });
    request.on('socket', (socket) => (sockets += socket.seen ? 0 : 1) && (socket.seen = true));
    request.end(JSON.stringify({ query }));
    const [answer] = await once(request, 'response');
    let text = '';
    for await (const piece of answer) text += piece;
    return JSON.parse(text);
  };
  await ask('mutation { createTodo(input: {content: "old"}) { id } }');
  await project.write('amplify/data/resource.ts', resource(`${TODO.replace('isDone', 'note: a.string(), isDone')},
    Tag: a.model({ label: a.string() })`));
  await until('the new field', async () => (await ask('{ listTodos { items { note } } }')).data);
  const made = await ask('mutation { createTag(input: {label: "x"}) { label } }');
  assert.equal(made.data.createTag.label, 'x');
  const list = await ask('{ listTodos { items { content note } } }');
  assert.deepEqual(list.data.listTodos.items, [{ content: 'old', note: null }]);
  assert.equal(sockets, 1, 'the connection survived');
  await until('the outputs to follow', async () => JSON.stringify(await project.outputs()).includes('"note"'));
});

test('no subscriber misses an event or gets it twice while the schema changes', async (t) => {
  const CONNECTIONS = 8;
  const EACH = 80;
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  t.after(() => server.stop());
  const { data } = await project.outputs();
  const authorization = { host: new URL(data.url).host, 'x-api-key': data.api_key };
  const header = Buffer.from(JSON.stringify(authorization)).toString('base64url');
  const got = new Map(); // by subscription, the ids of its events
  const query = 'subscription { onCreateTodo { id } }';
  let started = 0;
  const listen = async (name) => {
    const peer = await WebSocketPeer.open(new URL(data.url).port, '/graphql/realtime', {
      protocols: `graphql-ws, header-${header}`,
    });
    t.after(() => peer.connection.close());
    const send = (message) => peer.write(frame(OP.text, JSON.stringify(message)));
    send({ type: 'connection_init' });
    for (let i = 0; i < EACH; i++) {
      got.set(`${name}.${i}`, []);
      const payload = { data: JSON.stringify({ query }), extensions: { authorization } };
      send({ id: `${name}.${i}`, type: 'start', payload });
    }
    for (let next = await peer.frame(); next !== null && next.opcode === OP.text; next = await peer.frame()) {
      const message = JSON.parse(next.payload);
      if (message.type === 'start_ack') started++;
      if (message.type === 'data') got.get(message.id).push(message.payload.data.onCreateTodo.id);
      assert.notEqual(message.type, 'error', next.payload);
    }
  };
  for (let i = 0; i < CONNECTIONS; i++) listen(`c${i}`).catch(() => {}); // what it has not got is noticed below
  await until('all subscriptions', () => started === CONNECTIONS * EACH);

  const made = [];
  let writing = true;
  t.after(() => (writing = false));
  const writer = (async () => {
    while (writing) made.push((await server.query(CREATE, { input: { content: 'x' } })).data.createTodo.id);
  })();
  for (let i = 0; i < 8; i++) {
    await project.write('amplify/data/resource.ts', resource(TODO.replace('isDone', `f${i}: a.string(), isDone`)));
    await until('the new field', async () => (await server.query(`{ listTodos(limit: 1) { items { f${i} } } }`)).data);
  }
  writing = false;
  await writer;
  await until('the last events', () => [...got.values()].every((ids) => ids.includes(made.at(-1))));
  for (const [name, ids] of got) assert.deepEqual(ids, made, name);
});

test('wrong definitions are shown with file and line while the last good backend is served', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  t.after(() => server.stop());
  const outputs = JSON.stringify(await project.outputs());
  await project.write('amplify/data/resource.ts', resource('Todo: a.model({ content: })'));
  await until('the error in health', async () => (await server.health()).body.problem);
  const { status, body } = await server.health();
  assert.equal(status, 200);
  assert.match(body.problem, /amplify\/data\/resource\.ts:3: /);
  assert.match(server.out, /amplify\/data\/resource\.ts:3:\d+ /);
  assert.ok((await server.query(LIST)).data, 'the last good schema is served');
  assert.equal(JSON.stringify(await project.outputs()), outputs);
  await project.write('amplify/data/resource.ts', resource(TODO));
  await until('the error to be gone', async () => !(await server.health()).body.problem);
});

test('a schema the official tools refuse is refused with their words, live and at start', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  const wrong = `Post: a.model({ title: a.string(), comments: a.hasMany('Comment', 'postId') }),
    Comment: a.model({ body: a.string() })`;
  await project.write('amplify/data/resource.ts', resource(wrong));
  const problem = await until('the refusal', async () => (await server.health()).body.problem);
  assert.match(problem, /Comment/);
  await server.stop();
  const again = await start(project, ['--once'], { wait: false });
  assert.equal(await again.ended, 1);
  assert.match(again.out, /Comment/);
});

test('a key change that would lose data needs a flag', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  let server = await start(project);
  await server.query(CREATE, { input: { content: 'precious' } });
  const changed = resource(
    "Todo: a.model({ content: a.string().required(), isDone: a.boolean() }).identifier(['content'])",
  );
  await project.write('amplify/data/resource.ts', changed);
  const problem = await until('the refusal', async () => (await server.health()).body.problem);
  assert.match(problem, /Todo/);
  assert.equal((await server.query(LIST)).data.listTodos.items[0].content, 'precious');
  await server.stop();
  server = await start(project, ['--once'], { wait: false });
  assert.equal(await server.ended, 1);
  assert.match(server.out, /--allow-data-loss/);
  server = await start(project, ['--once', '--allow-data-loss']);
  t.after(() => server.stop());
  assert.deepEqual((await server.query('{ listTodos { items { content } } }')).data.listTodos.items, []);
});

test('an index added while serving finds the items that were there', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  t.after(() => server.stop());
  for (let i = 0; i < 300; i += 20) {
    const many = Array.from({ length: 20 }, (_, k) => `c${k}: createTodo(input: {content: "n${(i + k) % 3}"}) { id }`);
    await server.query(`mutation { ${many.join(' ')} }`);
  }
  await project.write('amplify/data/resource.ts', resource(`${TODO}.secondaryIndexes((index) => [index('content')])`));
  const found = await until('the index query', async () => {
    const answer = await server.query('{ listTodoByContent(content: "n1", limit: 1000) { items { id } } }');
    return answer.data;
  });
  assert.equal(found.listTodoByContent.items.length, 100);
});

test('the command line: help, wrong usage, missing project, taken port, second instance', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const help = await run(['sandbox', '--help']);
  assert.equal(help.code, 0);
  for (const option of ['project', 'port', 'host', 'data-dir', 'outputs-out-dir', 'once', 'identifier']) {
    assert.match(help.out, new RegExp(`--${option}`));
  }
  assert.equal((await run(['--help'])).code, 0);
  assert.equal((await run([])).code, 2);
  assert.equal((await run(['sandboxx'])).code, 2);
  assert.equal((await run(['sandbox', '--prot', '1'])).code, 2);
  assert.equal((await run(['sandbox', '--port', 'x'])).code, 2);
  assert.equal((await run(['sandbox', '--data-dir', ''])).code, 2);
  assert.equal((await run(['sandbox', '--project='])).code, 2);
  assert.equal((await run(['sandbox', '--identifier', 'a_b'])).code, 2);
  const nowhere = await run(['sandbox', '--project', project.path('nothing')]);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.err, /amplify\/ folder/);
  const server = await start(project);
  t.after(() => server.stop());
  const second = await run(['sandbox', '--project', project.root, '--port', '0']);
  assert.equal(second.code, 1);
  assert.match(second.err, /already serves/);
  const port = new URL(server.url()).port;
  const other = await todoProject();
  t.after(other.remove);
  const taken = await run(['sandbox', '--project', other.root, '--port', port]);
  assert.equal(taken.code, 1);
  assert.match(taken.err, /port \d+ is taken/);
});

test('what it says to type can be typed, wherever the project is', async (t) => {
  const plain = await todoProject();
  t.after(plain.remove);
  const root = plain.path("my app's $copy \u00fc");
  await mkdir(root);
  await rename(plain.path('amplify'), path.join(root, 'amplify'));
  const server = await start({ ...plain, root }, ['--once']);
  await server.stop();
  const [, setting] = server.out.match(/for Node\.js: (.*)/);
  const said = execFileSync('sh', ['-c', `${setting}; cat "$NODE_EXTRA_CA_CERTS"`], { encoding: 'utf8' });
  assert.match(said, /^-----BEGIN CERTIFICATE-----/);
  assert.match(server.out, /ampd trust --data-dir '/);
});

test('it answers on every address that its own URLs may lead to', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const hosts = { '0.0.0.0': 'localhost', '::': 'localhost', '127.0.0.1': '127.0.0.1', localhost: 'localhost' };
  const v6 = Object.values(networkInterfaces()).flat().some(({ address }) => address === '::1');
  for (const [host, named] of Object.entries(hosts)) {
    if (host === '::' && !v6) continue;
    const server = await start(project, ['--once', '--host', host]);
    const url = new URL(server.url());
    assert.equal(url.hostname, named);
    for (const address of named === 'localhost' && v6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1']) {
      const health = await fetch(`http://${address}:${url.port}/_ampd/health`);
      assert.equal(health.status, 200, `${address} with --host ${host}`);
    }
    await server.stop();
  }
});

test('an identifier has data of its own; outputs go where they are wanted', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project, ['--once', '--identifier', 'anna', '--outputs-out-dir', project.path('web')]);
  t.after(() => server.stop());
  assert.ok((await stat(project.path('.amplify/ampd/identifiers/anna/data.db'))).isFile());
  assert.ok((await stat(project.path('web/amplify_outputs.json'))).isFile());
});

test('a project without backend file or data says so or is served without', async (t) => {
  const empty = await makeProject({ 'amplify/data/resource.ts': resource(TODO) });
  t.after(empty.remove);
  const failed = await start(empty, ['--once'], { wait: false });
  assert.equal(await failed.ended, 1);
  assert.match(failed.out, /amplify\/backend/);
  const bare = await makeProject({
    'amplify/backend.ts': "import { defineBackend } from '@aws-amplify/backend';\ndefineBackend({});\n",
  });
  t.after(bare.remove);
  const server = await start(bare, ['--once']);
  t.after(() => server.stop());
  assert.equal((await fetch(`${server.url()}/graphql`, { method: 'POST', body: '{}' })).status, 503);
  assert.equal((await server.health()).status, 200);
  assert.ok(backend.includes('data'));
});

test('a data API that is taken away is served no more, and is served again when it comes back', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  t.after(() => server.stop());
  const { data } = await project.outputs();
  const ask = async () => {
    const answer = await fetch(data.url, {
      method: 'POST',
      headers: { 'x-api-key': data.api_key },
      body: JSON.stringify({ query: '{ listTodos { items { content } } }' }),
    });
    return answer.status;
  };
  assert.equal(await ask(), 200);
  await project.write('amplify/backend.ts', backend.replace('({ data })', '({})'));
  await until('no data API', async () => (await ask()) === 503);
  await until('outputs without it', async () => !(await project.outputs()).data);
  assert.equal((await server.health()).status, 200);
  await project.write('amplify/backend.ts', backend);
  await until('the data API', async () => (await ask()) === 200);
});

test('subscriptions move to a new schema, and end with an error when it has no place for them', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  t.after(() => server.stop());
  const { data } = await project.outputs();
  const auth = { host: 'localhost', 'x-api-key': data.api_key };
  const header = Buffer.from(JSON.stringify(auth)).toString('base64url');
  const peer = await WebSocketPeer.open(Number(new URL(data.url).port), '/graphql/realtime', {
    protocols: `graphql-ws, header-${header}`,
  });
  t.after(() => peer.close());
  const send = (message) => peer.write(frame(OP.text, JSON.stringify(message)));
  const next = async (type) => {
    for (;;) {
      const message = JSON.parse((await peer.frame()).text);
      if (message.type === type) return message;
    }
  };
  send({ type: 'connection_init' });
  await next('connection_ack');
  const document = JSON.stringify({ query: 'subscription { onCreateTodo { content } }' });
  for (const id of ['a', '\u0001'.repeat(128)]) {
    send({ id, type: 'start', payload: { data: document, extensions: { authorization: auth } } });
    await next('start_ack');
  }
  send({ id: 'x'.repeat(129), type: 'start', payload: { data: document, extensions: { authorization: auth } } });
  assert.match((await next('error')).payload.errors[0].message, /at most 128/);
  await project.write('amplify/data/resource.ts', resource(`${TODO}, Tag: a.model({ label: a.string() })`));
  await until('the new model', async () => (await server.query('{ listTags { items { id } } }')).data);
  await server.query('mutation { createTodo(input: {content: "seen"}) { content } }');
  const ids = new Set();
  for (let i = 0; i < 2; i++) {
    const event = await next('data');
    assert.deepEqual(event.payload, { data: { onCreateTodo: { content: 'seen' } } });
    ids.add(event.id);
  }
  assert.equal(ids.size, 2);
  await project.write('amplify/backend.ts', backend.replace('({ data })', '({})'));
  for (let i = 0; i < 2; i++) ids.delete((await next('error')).id);
  assert.equal(ids.size, 0);
  assert.equal((await server.health()).body.subscriptions, 0);
});

test('an answer that would be too large is an error, not an empty one', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project, ['--once']);
  t.after(() => server.stop());
  const content = '\u0001'.repeat(390_000); // six times as long in JSON
  const made = await server.query('mutation($content: String!) { createTodo(input: {content: $content}) { id } }', {
    content,
  });
  const id = made.data.createTodo.id;
  const list = await server.query(`{ ${[1, 2, 3].map((n) => `t${n}: getTodo(id: "${id}") { content }`).join(' ')} }`);
  assert.match(list.errors?.[0].message, /larger than/);
});

test('a terminal that closes is an orderly end, unless it was told not to be', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  assert.equal(await server.stop('SIGHUP'), 0);
  // What is ignored at the start of a process is so in its children: as under nohup.
  const script = 'trap "" HUP; exec "$@"';
  const kept = spawn('sh', ['-c', script, 'sh', AMPD, 'sandbox', '--project', project.root, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => kept.kill('SIGKILL'));
  let out = '';
  kept.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  const ended = once(kept, 'close');
  await until('ampd to be ready', () => /(http:\S+)\/graphql\n/.test(out));
  kept.kill('SIGHUP');
  const url = /(http:\S+)\/graphql/.exec(out)[1];
  assert.equal((await fetch(`${url}/_ampd/health`)).status, 200);
  kept.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

test('a loader that is killed is started again and follows changes', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  t.after(() => server.stop());
  const threads = `/proc/${server.child.pid}/task`;
  const children = (await readdir(threads)).map((thread) => readFile(`${threads}/${thread}/children`, 'utf8'));
  process.kill(Number((await Promise.all(children)).join(' ').trim().split(' ')[0]), 'SIGKILL');
  await until('the new loader', () => /exit code 137\); it is started again/.test(server.out));
  await project.write('amplify/data/resource.ts', resource(TODO.replace('isDone', 'later: a.string(), isDone')));
  await until('the new field', async () => (await server.query('{ listTodos { items { later } } }')).data);
});

test('a loader whose ampd is killed ends without a word', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  await project.write('amplify/data/resource.ts', `await new Promise((go) => setTimeout(go, 300));\n${resource(TODO)}`);
  const server = await start(project, [], { wait: false });
  await until('the loader to work', () => existsSync(project.path('.amplify/ampd/data.db')));
  assert.equal(await server.stop('SIGKILL'), null);
  assert.equal(server.out, '');
});

test('a second signal ends the process at once, a slow request or not', async (t) => {
  const project = await todoProject();
  t.after(project.remove);
  const server = await start(project);
  const { hostname, port } = new URL(server.url());
  const slow = net.connect(Number(port), hostname === 'localhost' ? '127.0.0.1' : hostname);
  t.after(() => slow.destroy());
  slow.on('error', () => {});
  await once(slow, 'connect');
  slow.write('POST /graphql HTTP/1.1\r\nHost: localhost\r\nx-api-key: x\r\nContent-Length: 100\r\n\r\n{');
  await server.health(); // the bytes above have been read by now
  server.child.kill('SIGTERM');
  await until('the end to begin', () => /Stopping/.test(server.out));
  server.child.kill('SIGTERM');
  assert.notEqual(await server.ended, 0);
});
