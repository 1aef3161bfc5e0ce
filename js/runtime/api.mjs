// The Runtime API's client: one connection, one request after the other. Nothing here keeps a process alive while a handler runs.
import net from 'node:net';

const BASE = '/2018-06-01/runtime';

/** @typedef {{status: number, headers: Record<string, string>, body: Buffer}} Answer */

export class RuntimeApi {
  /** @param {string} address "host:port" @param {string | undefined} token of this process */
  constructor(address, token) {
    this.address = address;
    const at = address.lastIndexOf(':');
    this.host = address.slice(0, at);
    this.port = Number(address.slice(at + 1));
    /** Of every request. */
    this.headers = token === undefined ? {} : { 'ampd-runtime-token': token };
    /** @type {net.Socket | null} */
    this.socket = null;
    /** @type {{resolve: (answer: Answer) => void, reject: (error: Error) => void}[]} requests without an answer */
    this.asked = [];
    /** @type {Buffer[]} what has come of the answer, */
    this.parts = [];
    this.size = 0; // in bytes,
    this.need = 0; // of which so many are to come before it is worth looking
  }

  /** @returns {Promise<Answer>} the next invocation */
  async next() {
    const ask = () => this.ask('GET', '/invocation/next');
    const answer = await ask().catch(ask); // an answer that was refused may have cost the connection
    this.socket?.unref(); // what waits now is the handler
    return answer;
  }

  /** @param {string} id @param {string} json @returns {Promise<unknown>} when the next invocation may be asked for */
  respond(id, json) {
    // Who asked may be gone, or the response be too large: that is no matter of the next invocation.
    const done = this.ask('POST', `/invocation/${id}/response`, json).catch(() => {});
    return json.length > 64 * 1024 ? done : Promise.resolve();
  }

  /** @param {string} path behind the base @param {{errorType?: string}} error */
  fail(path, error) {
    const type = String(error.errorType ?? 'handled').replaceAll(/[^\x20-\x7e]/g, '?');
    const header = `lambda-runtime-function-error-type: ${type}\r\n`;
    return this.ask('POST', path, JSON.stringify(error), header).catch(() => {});
  }

  /** @param {string} method @param {string} path @param {string} [body] JSON @param {string} [more] headers @returns {Promise<Answer>} */
  ask(method, path, body, more = '') {
    let text = `${method} ${BASE}${path} HTTP/1.1\r\nhost: ${this.address}\r\n${more}`;
    for (const [name, value] of Object.entries(this.headers)) text += `${name}: ${value}\r\n`;
    if (body !== undefined) text += `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    text += `\r\n${body ?? ''}`;
    return new Promise((resolve, reject) => {
      this.asked.push({ resolve, reject });
      const socket = this.socket ?? this.connect();
      socket.ref();
      if (!socket.writableCorked) {
        socket.cork();
        process.nextTick(() => socket.uncork());
      }
      socket.write(text);
    });
  }

  connect() {
    const socket = net.connect({ host: this.host, port: this.port, noDelay: true });
    const over = (/** @type {Error} */ error) => {
      if (this.socket !== socket) return;
      const asked = this.asked;
      Object.assign(this, { socket: null, asked: [], parts: [], size: 0, need: 0 });
      for (const { reject } of asked) reject(error);
    };
    socket.on('data', (bytes) => this.take(bytes));
    socket.on('error', over);
    socket.on('close', () => over(new Error('The Runtime API has closed the connection')));
    this.socket = socket;
    return socket;
  }

  /** @param {Buffer} bytes */
  take(bytes) {
    this.parts.push(bytes);
    this.size += bytes.length;
    while (this.size > 0 && this.size >= this.need) {
      const all = this.parts.length === 1 ? /** @type {Buffer} */ (this.parts[0]) : Buffer.concat(this.parts);
      this.parts = [all];
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [first = '', ...lines] = all.utf8Slice(0, end).split('\r\n');
      /** @type {Record<string, string>} */
      const headers = {};
      for (const line of lines) {
        const colon = line.indexOf(':');
        headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
      const whole = end + 4 + Number(headers['content-length'] ?? 0);
      if (all.length < whole) {
        this.need = whole;
        return;
      }
      this.parts = all.length > whole ? [all.subarray(whole)] : [];
      this.size = all.length - whole;
      this.need = 0;
      this.asked.shift()?.resolve({ status: Number(first.split(' ')[1]), headers, body: all.subarray(end + 4, whole) });
    }
  }
}
