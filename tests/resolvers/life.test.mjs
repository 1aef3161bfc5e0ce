// The processes of resolvers: idle ones and spinning ones go with the server, however it ends.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { serve, until } from './serve.mjs';

/** The processes of resolvers that a process has started. */
function resolversOf(parent) {
  return readdirSync('/proc').filter((pid) => {
    try {
      const [, ppid] = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      return Number(ppid) === parent && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('resolvers.mjs');
    } catch {
      return false; // no process, or one that has just gone
    }
  });
}

const runs = (pid) => {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

function asking(server) {
  const { url, api_key: key } = server.outputs().data;
  return async (query) => (await fetch(url, { method: 'POST', headers: { 'x-api-key': key }, body: JSON.stringify({ query }) })).json();
}

test('they end with the server', { skip: !existsSync('/proc/self/stat') }, async () => {
  const server = await serve('desk');
  assert.deepEqual(await asking(server)('{ hello }'), { data: { hello: 'Hello, you!' } });
  const pids = resolversOf(server.child.pid);
  assert.ok(pids.length >= 1 && pids.length <= 2, `${pids.length} processes`);
  await server.end();
  await until(() => !pids.some(runs), 'their end');
});

test('one that spins ends when the server is killed', { skip: !existsSync('/proc/self/stat') }, async () => {
  const server = await serve('desk');
  const lost = asking(server)('{ spin(long: true) }').catch((error) => error);
  const ticks = (each) => Number(readFileSync(`/proc/${each}/stat`, 'utf8').split(') ')[1].split(' ')[11]);
  let pid;
  await until(() => (pid = resolversOf(server.child.pid).find((each) => ticks(each) > 80)) !== undefined, 'one that spins');
  server.child.kill('SIGKILL');
  assert.ok((await lost) instanceof Error);
  await until(() => !runs(pid), 'its end');
  rmSync(server.folder, { recursive: true, force: true });
});
