// The sanitized host program as a promise-returning object, with a data folder of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export class Host {
  static async start() {
    if (!process.env.IAM_HOST) throw new Error('IAM_HOST names the host program');
    const host = new Host();
    host.folder = await mkdtemp(join(tmpdir(), 'ampd-iam-'));
    host.waiting = [];
    host.child = spawn(process.env.IAM_HOST, [host.folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: host.child.stdout }).on('line', (line) => {
      host.waiting.shift().resolve(JSON.parse(line));
    });
    host.ended = new Promise((resolve) => {
      host.child.on('close', (code, signal) => {
        for (const one of host.waiting) one.reject(new Error(`the host ended (${code ?? signal})`));
        resolve(code ?? signal);
      });
    });
    host.child.stdin.on('error', () => {});
    return host;
  }

  send(command) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin.write(JSON.stringify(command) + '\n');
    });
  }

  // Code 0 means no sanitizer complained either.
  async close() {
    this.child.stdin.end();
    const code = await this.ended;
    await rm(this.folder, { recursive: true, force: true });
    return code;
  }
}

export const base64 = (body) =>
  Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : new Uint8Array(body)).toString('base64');

// "20260203T040506Z" as milliseconds.
export const timeOf = (text) =>
  Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
