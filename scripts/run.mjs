// Serves an Amplify project and its front end, for `make run`: `ampd sandbox` for the backend and
// the project's own `npm run dev` for the page. Usage: node scripts/run.mjs PROJECT [sandbox options]
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const AMPD = process.env.AMPD ?? 'build/ampd';
const NPM = process.env.NPM ?? 'npm';
const [project, ...sandboxOptions] = process.argv.slice(2);
const running = new Set();
let ending = false;
let isReady = false; // the closing block has been printed

if (project === undefined || !existsSync(path.join(project, 'amplify'))) {
  console.error('usage: node scripts/run.mjs PROJECT [sandbox options], PROJECT having an amplify/ folder');
  process.exit(2);
}

// Every program leads a process group of its own: npm starts a shell that starts the server, and
// a Ctrl-C must reach each of them once, whoever was asked to end.
function start(name, program, args, options = {}) {
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  running.add(child);
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => resolve({ name, code: 1, problem: error.message }));
    child.on('exit', (code, signal) => resolve({ name, code: code ?? 1, problem: signal ?? `exit code ${code}` }));
  });
  child.ended.then(() => running.delete(child));
  return child;
}

// Never returns: what comes after it must not start anything more.
async function end(code) {
  if (ending) return new Promise(() => {});
  ending = true;
  const children = [...running];
  const signalAll = (signal) => children.forEach((child) => signalGroup(child, signal));
  signalAll('SIGTERM');
  const late = setTimeout(signalAll, 15_000, 'SIGKILL');
  await Promise.all(children.map((child) => child.ended));
  clearTimeout(late);
  await groupsEnd(children);
  return process.exit(code);
}

// npm may be gone before the server it started is: a dev server waits for its open connections.
async function groupsEnd(children) {
  const patient = Date.now() + 3000;
  let left = children.filter((child) => signalGroup(child, 0));
  while (left.length > 0) {
    if (Date.now() > patient) left.forEach((child) => signalGroup(child, 'SIGKILL'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    left = left.filter((child) => signalGroup(child, 0) && Date.now() < patient + 2000);
  }
}

// False when the group has ended.
function signalGroup(child, signal) {
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}

// What a program ends with before it was asked to is the result of the whole.
function endWith(child) {
  child.ended.then(({ name, code, problem }) => {
    if (ending) return;
    console.error(`${name} has ended (${problem}).`);
    end(code || 1);
  });
}

function onLines(child, handle) {
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => handle(line.replace(/\x1b\[[0-9;]*m/g, '')));
  }
}

// The packages of the page, when they are missing or older than the lock file.
async function installPackages() {
  const lock = path.join(project, 'package-lock.json');
  const installed = path.join(project, 'node_modules', '.package-lock.json');
  if (existsSync(installed) && (!existsSync(lock) || statSync(installed).mtimeMs >= statSync(lock).mtimeMs)) {
    return;
  }
  console.log('Installing the packages of the page...');
  const args = [existsSync(lock) ? 'ci' : 'install', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = start('npm', NPM, args, { cwd: project, stdio: ['ignore', 'inherit', 'inherit'] });
  const { code } = await npm.ended;
  if (code !== 0) await end(code);
}

// ampd's lines pass as they come, but for its closing block: ours says the same and the page's URL.
function startBackend() {
  const ampd = start('ampd', AMPD, ['sandbox', '--project', project, ...sandboxOptions]);
  endWith(ampd);
  return new Promise((resolve) => {
    const facts = new Map();
    let inBlock = false;
    onLines(ampd, (line) => {
      inBlock = /^ {2}ampd is ready/.test(line) || (inBlock && /^( {2}|$)/.test(line));
      if (!inBlock) {
        if (line !== '') console.log(line);
        return;
      }
      const [, name, value] = line.match(/^ {2}(\w+) {2,}(\S+)/) ?? [];
      if (name !== undefined) facts.set(name, value);
      else if (line === '' && facts.size > 0) resolve(facts);
    });
  });
}

function startPage() {
  const page = start('npm run dev', NPM, ['run', 'dev'], { cwd: project, env: { ...process.env, BROWSER: 'none' } });
  endWith(page);
  return new Promise((resolve) => {
    const kept = [];
    let url;
    onLines(page, (line) => {
      if (isReady) return console.log(line);
      kept.push(line);
      if (url !== undefined) return;
      [url] = line.match(/https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])[:/]\S*/) ?? [];
      if (url !== undefined) resolve(url);
    });
    page.ended.then(() => url === undefined && console.error(kept.join('\n')));
  });
}

process.on('SIGINT', () => end(0));
process.on('SIGTERM', () => end(0));
process.on('SIGHUP', () => end(0));

const [backend] = await Promise.all([startBackend(), installPackages()]);
const url = await startPage();
isReady = true;
console.log(closingBlock(url, backend.get('GraphQL'), backend.get('Inbox')));

// All that one needs to know, together and last. A project without users has no inbox.
function closingBlock(app, api, inbox) {
  const health = new URL('/_ampd/health', api.replace(/^http:/, 'https:'));
  const mail = `
  Sign up with any address: the codes that would be e-mailed are in the inbox, and printed here.
`;
  return `
  App        ${app}
  API        ${api}
${inbox ? `  Inbox      ${inbox}\n${mail}` : ''}
  Open the app in two windows. They show each other's changes live as soon as the browser trusts
  this machine's certificate: run  ${AMPD} trust --project ${project}  once and restart the browser,
  or open ${health} there and accept it.

  Ctrl-C ends both.
`;
}
