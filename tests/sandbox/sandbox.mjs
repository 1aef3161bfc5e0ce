// A project in a folder of its own, and an ampd that serves it.
import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const AMPD = process.env.AMPD ?? new URL('../../build/ampd', import.meta.url).pathname;

export const backend = `import { defineBackend } from '@aws-amplify/backend';
import { data } from './data/resource';

defineBackend({ data });
`;

// A data/resource.ts with these models, in the words of a.schema.
export const resource = (models) => `import { a, defineData, type ClientSchema } from '@aws-amplify/backend';

const schema = a.schema({ ${models} }).authorization((allow) => [allow.publicApiKey()]);
export type Schema = ClientSchema<typeof schema>;
export const data = defineData({
  schema,
  authorizationModes: { defaultAuthorizationMode: 'apiKey', apiKeyAuthorizationMode: { expiresInDays: 30 } },
});
`;

export const TODO = 'Todo: a.model({ content: a.string().required(), isDone: a.boolean() })';

// Waits until probe() gives a truthy value; fails after 10 s with what was waited for.
export async function until(what, probe) {
  const end = Date.now() + 10000;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited 10 s for ${what}`);
    await delay(10);
  }
}

export async function makeProject(files) {
  const root = await mkdtemp(join(tmpdir(), 'ampd-sandbox-'));
  const project = {
    root,
    path: (name) => join(root, name),
    write: async (name, text) => {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), text);
    },
    outputs: async () => JSON.parse(await readFile(join(root, 'amplify_outputs.json'), 'utf8')),
    servers: [],
    // A server that still writes would bring back what is being removed.
    remove: async () => {
      await Promise.all(project.servers.map((server) => server.stop()));
      await rm(root, { recursive: true, force: true });
    },
  };
  await project.write('package.json', '{"name":"sandbox-test","type":"module"}');
  for (const [name, text] of Object.entries(files)) await project.write(name, text);
  return project;
}

export const todoProject = () =>
  makeProject({ 'amplify/backend.ts': backend, 'amplify/data/resource.ts': resource(TODO) });

// Starts `ampd sandbox`; resolves once it is healthy, or has ended.
export async function start(project, args = [], { wait = true } = {}) {
  const child = spawn(AMPD, ['sandbox', '--project', project.root, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const server = { child, out: '', code: undefined, signal: undefined };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => (server.out += text));
  }
  server.ended = new Promise((resolve) =>
    child.on('close', (code, signal) => {
      Object.assign(server, { code, signal });
      resolve(code);
    }),
  );
  server.url = () => /GraphQL\S*\s+(http:\/\/\S+)\/graphql/.exec(server.out)?.[1];
  server.health = async () => {
    const answer = await fetch(`${server.url()}/_ampd/health`);
    return { status: answer.status, body: await answer.json() };
  };
  server.query = async (query, variables) => {
    const outputs = await project.outputs();
    const answer = await fetch(`${server.url()}/graphql`, {
      method: 'POST',
      headers: { 'x-api-key': outputs.data.api_key, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return answer.json();
  };
  server.stop = async (signal = 'SIGTERM') => {
    if (server.code === undefined) child.kill(signal);
    return server.ended;
  };
  project.servers.push(server);
  if (wait) {
    await until('ampd to be ready or to end', () => server.url() || server.code !== undefined);
    if (server.code !== undefined) throw new Error(`ampd ended (${server.code}):\n${server.out}`);
  }
  return server;
}

// Runs a command to its end.
export function run(args) {
  return new Promise((resolve) => {
    const child = spawn(AMPD, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (text) => (out += text));
    child.stderr.on('data', (text) => (err += text));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}
