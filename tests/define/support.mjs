// Runs the loader on copies of projects, so that nothing is left in the fixtures.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const main = path.join(here, '..', '..', 'js', 'define', 'main.mjs');

/** The resident loaders of each test; they end before its folders go. */
const residents = new WeakMap();

/** A folder that is gone after the test. */
export function temporary(t) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ampd-test-define-')));
  t.after(async () => {
    await Promise.all((residents.get(t) ?? []).map((resident) => resident.stop()));
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Writes files, given by path, below a folder. */
export function write(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

/** A project made of files; package.json is added when it is not among them. */
export function projectOf(t, files) {
  const root = temporary(t);
  write(root, { 'package.json': '{"name":"made","type":"module"}', ...files });
  return root;
}

/** A copy of one of the fixtures. */
export function fixture(t, name) {
  const root = temporary(t);
  fs.cpSync(path.join(here, 'fixtures', name), root, { recursive: true });
  return root;
}

/** Runs the loader once. */
export function run(root, { args = [], env = {} } = {}) {
  const out = path.join(root, '.amplify', 'manifest.json');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, '--project', root, '--out', out, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8').on('data', (chunk) => (text[stream] += chunk));
    }
    child.on('error', reject);
    child.on('close', (code) => {
      const events = text.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      resolve({ code, events, ...text, out });
    });
  });
}

/** Runs the loader on a project that is right and gives its manifest. */
export async function load(root, options) {
  const result = await run(root, options);
  if (result.code !== 0) {
    throw new Error(`The loader failed: ${result.stdout}${result.stderr}`);
  }
  return { ...result, event: result.events[0], manifest: JSON.parse(fs.readFileSync(result.out, 'utf8')) };
}

/** Runs the loader on a project that is wrong and gives its errors. */
export async function failing(root, options) {
  const { code, events, stderr } = await run(root, options);
  if (code !== 1 || events.length !== 1 || events[0].event !== 'error') {
    throw new Error(`An error was expected, not ${JSON.stringify(events)} ${stderr}`);
  }
  return events[0].errors;
}

/** The resident loader; next() waits for its next event. */
export class Resident {
  constructor(t, root) {
    this.out = path.join(root, '.amplify', 'manifest.json');
    this.child = spawn(process.execPath, [main, '--project', root, '--out', this.out, '--watch'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.events = [];
    this.waiting = [];
    this.stderr = '';
    this.child.stderr.on('data', (chunk) => (this.stderr += chunk));
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      lines.forEach((line) => this.take(JSON.parse(line)));
    });
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    residents.set(t, [...(residents.get(t) ?? []), this]);
  }

  take(event) {
    const waiter = this.waiting.shift();
    if (waiter) {
      waiter(event);
    } else {
      this.events.push(event);
    }
  }

  next() {
    const event = this.events.shift();
    return event ? Promise.resolve(event) : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** The outcome of a build, and the files of the change events before it. */
  async outcome() {
    const files = new Set();
    for (;;) {
      const event = await this.next();
      if (event.event !== 'change') {
        return { ...event, files: [...files] };
      }
      event.files.forEach((file) => files.add(file));
    }
  }

  manifest() {
    return JSON.parse(fs.readFileSync(this.out, 'utf8'));
  }

  async stop() {
    this.child.stdin.end();
    return this.ended;
  }
}
