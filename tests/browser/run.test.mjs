// `make run`'s program: it serves an example and its page, and leaves nothing behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { until } from '../clients/lib/live.mjs';
import { AMPD, ROOT } from '../clients/lib/ampd.mjs';
import { copyExample } from '../clients/lib/project.mjs';

function run(t, project, env = {}) {
  const child = spawn(process.execPath, [path.join(ROOT, 'scripts/run.mjs'), project, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, AMPD, ...env },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (printed += text));
  let code;
  child.on('close', (result) => (code = result));
  t.after(() => code === undefined && child.kill('SIGTERM'));
  return { folder: project, child, printed: () => printed, code: () => code, ended: () => until(() => code !== undefined, () => printed) };
}

const START_MS = 120_000; // its functions are bundled with their packages, perhaps on a busy machine

// Serves an example; `fact` reads its closing block.
async function serve(t, name) {
  const project = copyExample(name);
  t.after(() => project.remove());
  const running = run(t, project.folder);
  const fact = (name) => running.printed().match(new RegExp(`^ {2}${name} +(\\S+)$`, 'm'))?.[1];
  await until(() => running.printed().includes('Ctrl-C ends both') || running.code() !== undefined, running.printed, START_MS);
  return { running, fact };
}

test('app and API are served until Ctrl-C', async (t) => {
  const { running, fact } = await serve(t, 'todo');
  assert.equal(running.code(), undefined, running.printed());

  const page = await (await fetch(fact('App'))).text();
  assert.match(page, /<div id="root">/);
  const module = await (await fetch(new URL('/src/main.tsx', fact('App')))).text();
  assert.match(module, /amplify_outputs\.json/);
  const health = new URL('/_ampd/health', fact('API'));
  assert.equal((await (await fetch(health)).json()).status, 'ok');
  assert.match(running.printed(), /trust --project/);
  assert.equal(fact('Inbox'), undefined, 'nobody signs in to the todo example');

  running.child.kill('SIGINT');
  await running.ended();
  assert.equal(running.code(), 0);
  for (const url of [fact('App'), health]) await assert.rejects(fetch(url), undefined, `${url} still answers`);
});

test('the blog is served with the inbox of its users, whose codes are printed as well', async (t) => {
  const { running, fact } = await serve(t, 'blog');
  assert.match(await (await fetch(fact('App'))).text(), /The Workshop Blog/);
  const { Auth } = JSON.parse(readFileSync(path.join(running.folder, 'amplify_outputs.json'), 'utf8'));
  const body = JSON.stringify({
    ClientId: Auth.Cognito.userPoolClientId, Username: 'ann@example.com', Password: 'Corr3ct-horse!',
    UserAttributes: [{ Name: 'email', Value: 'ann@example.com' }, { Name: 'preferred_username', Value: 'Ann' }],
  });
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSCognitoIdentityProviderService.SignUp' };
  const signedUp = await fetch(Auth.Cognito.userPoolEndpoint, { method: 'POST', headers, body });
  assert.equal(signedUp.status, 200, await signedUp.text());
  const page = await (await fetch(fact('Inbox'), { headers: { accept: 'text/html' } })).text();
  assert.match(page, /ann@example\.com/);
  await until(() => /EMAIL to ann@example\.com: \d{6}/.test(running.printed()), running.printed);
  running.child.kill('SIGINT');
  await running.ended();
  assert.equal(running.code(), 0);
});

test('a folder that is no project is refused', async (t) => {
  const running = run(t, path.join(ROOT, 'tests'));
  await running.ended();
  assert.equal(running.code(), 2);
});

test('the code of the program that fails is the code of the whole', async (t) => {
  const project = copyExample('todo');
  t.after(() => project.remove());
  const running = run(t, project.folder, { AMPD: '/bin/false' });
  await running.ended();
  assert.equal(running.code(), 1);
  assert.match(running.printed(), /ampd has ended/);
});
