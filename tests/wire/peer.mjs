// A server process, and a raw connection that knows just enough HTTP to split responses.
import { spawn } from 'node:child_process'
import net from 'node:net'
import tls from 'node:tls'

const FOLDER = process.env.BUILD ?? 'build'

export async function startServer(...options) {
  const release = options[0] === 'release'
  const path = `${FOLDER}/wire/server${release ? '-release' : ''}`
  const child = spawn(path, options.slice(release ? 1 : 0).map(String), { stdio: ['pipe', 'pipe', 'pipe'] })
  let log = ''
  child.stderr.on('data', (bytes) => (log += bytes))
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })))
  const port = await new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (bytes) => {
      const found = /PORT (\d+)/.exec((text += bytes))
      if (found) resolve(Number(found[1]))
    })
    child.on('exit', () => reject(new Error(`the server did not start: ${log}`)))
  })
  return {
    port,
    pid: child.pid,
    log: () => log,
    // Ends the server; fails when it crashed or a sanitizer spoke.
    async stop() {
      child.stdin.end()
      const { code, signal } = await ended
      if (code !== 0) throw new Error(`the server ended with ${code ?? signal}:\n${log}`)
    },
    async stats() {
      return (await fetch(`http://127.0.0.1:${port}/stats`)).json()
    },
  }
}

export class Connection {
  static async open(port, { secure = false, allowHalfOpen = true } = {}) {
    const options = { port, host: '127.0.0.1', allowHalfOpen }
    const socket = secure ? tls.connect({ ...options, rejectUnauthorized: false }) : net.connect(options)
    const connection = new Connection(socket)
    await new Promise((resolve, reject) => {
      socket.once(secure ? 'secureConnect' : 'connect', resolve)
      socket.once('error', reject)
    })
    socket.setNoDelay(true)
    return connection
  }

  constructor(socket) {
    this.socket = socket
    this.bytes = Buffer.alloc(0)
    this.pieces = []
    this.ended = false
    this.waiting = null
    socket.on('data', (piece) => (this.pieces.push(piece), this.wake()))
    socket.on('end', () => ((this.ended = true), this.wake()))
    socket.on('close', () => ((this.ended = true), this.wake()))
    socket.on('error', (error) => ((this.error = error), (this.ended = true), this.wake()))
  }

  wake() {
    this.waiting?.()
    this.waiting = null
  }

  write(text) {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    return this
  }

  async writeBytewise(text) {
    for (const byte of Buffer.from(text, 'latin1')) {
      this.socket.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    return this
  }

  // More bytes; false at the end.
  async more() {
    if (this.pieces.length === 0 && !this.ended) await new Promise((resolve) => (this.waiting = resolve))
    if (this.pieces.length === 0) return false
    this.bytes = Buffer.concat([this.bytes, ...this.pieces])
    this.pieces = []
    return true
  }

  async take(count) {
    while (this.bytes.length < count) if (!(await this.more())) throw new Error('the connection ended early')
    const taken = this.bytes.subarray(0, count)
    this.bytes = this.bytes.subarray(count)
    return taken
  }

  async line() {
    let at
    while ((at = this.bytes.indexOf('\r\n')) < 0) {
      if (!(await this.more())) throw new Error(`the connection ended early: ${this.bytes.toString('latin1')}`)
    }
    const line = this.bytes.subarray(0, at).toString('latin1')
    this.bytes = this.bytes.subarray(at + 2)
    return line
  }

  // One response; `head`: it answers a HEAD request.
  async response({ head = false } = {}) {
    const statusLine = await this.line()
    const match = /^HTTP\/1\.1 (\d{3}) [A-Z][\w -]+$/.exec(statusLine)
    if (!match) throw new Error(`not a status line: ${statusLine}`)
    const result = { status: Number(match[1]), headers: {}, body: '', chunks: [] }
    for (let line; (line = await this.line()) !== ''; ) {
      const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)$/.exec(line)
      if (!field) throw new Error(`not a header field: ${line}`)
      const name = field[1].toLowerCase()
      result.headers[name] = name in result.headers ? `${result.headers[name]}, ${field[2]}` : field[2]
    }
    const { headers, status } = result
    if (head || status < 200 || status === 204 || status === 304) return result
    if (headers['transfer-encoding'] === 'chunked') {
      for (let size; (size = parseInt(await this.line(), 16)) > 0; ) {
        result.chunks.push((await this.take(size)).toString('latin1'))
        if ((await this.line()) !== '') throw new Error('a chunk does not end where it says')
      }
      if ((await this.line()) !== '') throw new Error('no trailer was expected')
      result.body = result.chunks.join('')
    } else if ('content-length' in headers) {
      result.body = (await this.take(Number(headers['content-length']))).toString('latin1')
    } else {
      result.body = await this.rest()
    }
    return result
  }

  // All that comes until the server closes.
  async rest() {
    while (await this.more());
    const rest = this.bytes.toString('latin1')
    this.bytes = Buffer.alloc(0)
    return rest
  }

  close() {
    this.socket.destroy()
  }
}

// Sends `text` on a connection of its own; the responses, and whether the server closed.
export async function exchange(port, text, { count = 1, ...options } = {}) {
  const connection = await Connection.open(port, options)
  connection.write(text)
  const responses = []
  for (let i = 0; i < count; i++) responses.push(await connection.response())
  connection.close()
  return count === 1 ? responses[0] : responses
}

// As exchange, and the server must close behind the one response.
export async function exchangeToEnd(port, text, options) {
  const connection = await Connection.open(port, options)
  connection.write(text)
  const response = await connection.response()
  response.rest = await connection.rest()
  connection.close()
  return response
}
