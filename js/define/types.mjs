// The project's own type check, beside serving: tsc takes seconds, so its errors are told when they are known and
// stop nothing. Only where the project has both TypeScript and the packages whose types it uses.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { emit } from './report.mjs';

const ERROR = /^(.+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/;

export class TypeCheck {
  /** @param {string} root */
  constructor(root) {
    this.root = root;
    /** @type {import('node:child_process').ChildProcess | null} */
    this.child = null;
    this.wrong = false; // the last check found errors
  }

  /** Checks what the files hold now, in place of a check that still runs. Resolves when it is told or given up. */
  async run() {
    this.stop();
    const tsc = installed(this.root, 'typescript/bin/tsc');
    const backend = installed(this.root, '@aws-amplify/backend/package.json');
    if (tsc === null || backend === null || !fs.existsSync(path.join(this.root, 'amplify', 'tsconfig.json'))) {
      return;
    }
    const start = performance.now();
    const info = path.join('.amplify', 'tsconfig.tsbuildinfo'); // where ampx keeps it too
    const options = ['--noEmit', '--skipLibCheck', '--pretty', 'false', '--incremental', '--tsBuildInfoFile', info];
    const child = spawn(process.execPath, [tsc, ...options, '-p', 'amplify'], {
      cwd: this.root,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.child = child;
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece) => (text += piece));
    await new Promise((resolve) => child.on('error', resolve).on('close', resolve));
    if (this.child !== child) {
      return; // a newer check took its place
    }
    this.child = null;
    const errors = readErrors(text);
    if (errors.length > 0 || this.wrong) {
      emit({ event: 'types', ms: Math.round(performance.now() - start), errors });
    }
    this.wrong = errors.length > 0;
  }

  stop() {
    this.child?.kill();
    this.child = null;
  }
}

/**
 * @param {string} text what tsc printed; lines that are indented belong to the error above
 * @returns {import('./report.mjs').Problem[]}
 */
function readErrors(text) {
  /** @type {import('./report.mjs').Problem[]} */
  const errors = [];
  for (const line of text.split('\n')) {
    const [, file, row, column, code, message] = line.match(ERROR) ?? [];
    const last = errors.at(-1);
    if (file !== undefined) {
      errors.push({
        message: `${code}: ${message}`,
        file: file.split(path.sep).join('/'),
        line: Number(row),
        column: Number(column),
        hint: '',
        code: 'TypeError',
      });
    } else if (last !== undefined && /^\s+\S/.test(line)) {
      last.message += ` ${line.trim()}`;
    }
  }
  return errors;
}

/**
 * @param {string} root
 * @param {string} file in a package
 * @returns {string | null} where it is installed for the project's amplify/ folder
 */
function installed(root, file) {
  for (let folder = path.join(root, 'amplify'); ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', file);
    if (fs.existsSync(candidate)) {
      return candidate;
    }
    if (folder === path.dirname(folder)) {
      return null;
    }
  }
}
