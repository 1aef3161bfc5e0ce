// A WebSocket peer that may break every rule.
import { createHash, randomBytes } from 'node:crypto'
import { Connection } from './peer.mjs'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

export function handshake(path, ...more) {
  return [
    `GET ${path} HTTP/1.1`, 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`, 'Sec-WebSocket-Version: 13', ...more, '', '',
  ].join('\r\n')
}

// A frame as a client sends it, unless told otherwise.
export function frame(opcode, payload = '', { fin = true, rsv = 0, masked = true, length, form } = {}) {
  const body = Buffer.from(payload)
  const size = length ?? body.length
  const short = form ?? (size < 126 ? 7 : size < 65536 ? 16 : 64)
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode, (masked ? 0x80 : 0) | (short === 7 ? size : short === 16 ? 126 : 127)]
  const extra = Buffer.alloc(short === 7 ? 0 : short / 8)
  if (short === 16) extra.writeUInt16BE(size)
  if (short === 64) extra.writeBigUInt64BE(BigInt(size))
  const mask = masked ? randomBytes(4) : Buffer.alloc(0)
  const masking = Buffer.alloc(body.length)
  for (let i = 0; i < body.length; i++) masking[i] = masked ? body[i] ^ mask[i & 3] : body[i]
  return Buffer.concat([Buffer.from(head), extra, mask, masking])
}

export function closeFrame(code, reason = '') {
  const payload = Buffer.alloc(code === undefined ? 0 : 2)
  if (code !== undefined) payload.writeUInt16BE(code)
  return frame(OP.close, Buffer.concat([payload, Buffer.from(reason)]))
}

export class WebSocketPeer {
  static async open(port, path = '/ws', { secure = false, protocols } = {}) {
    const connection = await Connection.open(port, { secure })
    connection.write(handshake(path, ...(protocols ? [`Sec-WebSocket-Protocol: ${protocols}`] : [])))
    const response = await connection.response()
    if (response.status !== 101) throw new Error(`status ${response.status}`)
    const accept = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    if (response.headers['sec-websocket-accept'] !== accept) throw new Error('wrong accept key')
    const peer = new WebSocketPeer()
    peer.connection = connection
    peer.response = response
    return peer
  }

  write(...frames) {
    this.connection.write(Buffer.concat(frames))
    return this
  }

  // The server's next frame; null at the end of the connection.
  async frame() {
    while (this.connection.bytes.length < 2) if (!(await this.connection.more())) return null
    const [first, second] = await this.connection.take(2)
    if (second & 0x80) throw new Error('a server must not mask')
    if (first & 0x70) throw new Error('reserved bits')
    let length = second & 0x7f
    if (length === 126) {
      length = (await this.connection.take(2)).readUInt16BE()
      if (length < 126) throw new Error('not the shortest form')
    } else if (length === 127) {
      length = Number((await this.connection.take(8)).readBigUInt64BE())
      if (length < 65536) throw new Error('not the shortest form')
    }
    const payload = Buffer.from(await this.connection.take(length))
    const result = { fin: (first & 0x80) !== 0, opcode: first & 15, payload, text: payload.toString() }
    if (result.opcode === OP.close) {
      result.code = payload.length >= 2 ? payload.readUInt16BE() : undefined
      result.reason = payload.subarray(2).toString()
    }
    return result
  }

  // All frames up to the end of the connection, as words: "text:abc", "close:1000".
  async story() {
    const words = []
    for (let next; (next = await this.frame()) !== null; ) {
      const name = Object.keys(OP).find((key) => OP[key] === next.opcode)
      words.push(next.opcode === OP.close ? `close:${next.code ?? ''}` : `${name}:${next.text}`)
    }
    this.connection.close()
    return words
  }

  close() {
    this.connection.close()
  }
}
