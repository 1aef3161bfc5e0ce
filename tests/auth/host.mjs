// The sanitized host program as a promise-returning object.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Host {
  constructor() {
    if (!process.env.CRYPTO_HOST) throw new Error('CRYPTO_HOST names the host program');
    this.child = spawn(process.env.CRYPTO_HOST, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.waiting.shift().resolve(JSON.parse(line));
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        for (const one of this.waiting) one.reject(new Error(`the host ended (${code ?? signal})`));
        this.waiting = [];
        resolve(code);
      });
    });
    this.child.stdin.on('error', () => {});
  }

  ask(op, command = {}) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin.write(JSON.stringify({ op, ...command }) + '\n');
    });
  }

  // Code 0 means no sanitizer complained either.
  async close() {
    this.child.stdin.end();
    return await this.ended;
  }
}
