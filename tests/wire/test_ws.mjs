// WebSocket (RFC 6455) frame by frame, in the order of the well-known test suites: lengths, control
// frames, fragments, UTF-8, closing, limits, handshakes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Connection, exchange, exchangeToEnd, startServer } from './peer.mjs'
import { closeFrame, frame, handshake, OP, WebSocketPeer } from './websocket.mjs'

let server
let port
before(async () => {
  server = await startServer('--tls')
  port = server.port
})
after(() => server.stop())

const bytes = (...values) => Buffer.from(values)
const LENGTHS = [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 1024 * 1024]

for (const secure of [false, true]) {
  for (const length of LENGTHS) {
    test(`${length} bytes, ${secure ? 'TLS' : 'plain'}`, async () => {
      const peer = await WebSocketPeer.open(port, '/ws', { secure })
      const text = 'a€b😀'.repeat(Math.floor(length / 9)) + 'x'.repeat(length % 9)
      const binary = Buffer.alloc(length, 0xfe)
      peer.write(frame(OP.text, text))
      const first = await peer.frame()
      assert.equal(first.opcode, OP.text)
      assert.ok(first.fin)
      assert.ok(first.text === text)
      peer.write(frame(OP.binary, binary))
      const second = await peer.frame()
      assert.equal(second.opcode, OP.binary)
      assert.ok(second.payload.equals(binary))
      peer.write(closeFrame(1000))
      assert.deepEqual(await peer.story(), ['close:1000'])
    })
  }
}

test('byte by byte, and many frames in one packet', async () => {
  const all = Buffer.concat([
    frame(OP.text, 'one'),
    frame(OP.ping, 'p'),
    frame(OP.text, 'tw', { fin: false }),
    frame(OP.ping, ''),
    frame(OP.continuation, '', { fin: false }),
    frame(OP.continuation, 'o'),
    frame(OP.binary, ''),
    frame(OP.text, ''),
    frame(OP.text, 'x'.repeat(200)),
    closeFrame(3000, 'bye'),
  ])
  const expected = ['text:one', 'pong:p', 'pong:', 'text:two', 'binary:', 'text:', `text:${'x'.repeat(200)}`, 'close:3000']
  const whole = await WebSocketPeer.open(port)
  whole.write(all)
  assert.deepEqual(await whole.story(), expected)
  const slow = await WebSocketPeer.open(port)
  await slow.connection.writeBytewise(all.toString('latin1'))
  assert.deepEqual(await slow.story(), expected)
})

test('frames in the packet of the handshake', async () => {
  const connection = await Connection.open(port)
  connection.write(Buffer.concat([Buffer.from(handshake('/ws')), frame(OP.text, 'early'), closeFrame(1000)]))
  const peer = new WebSocketPeer()
  peer.connection = connection
  assert.equal((await connection.response()).status, 101)
  assert.deepEqual(await peer.story(), ['text:early', 'close:1000'])
})

test('thousands of small messages in order', async () => {
  const peer = await WebSocketPeer.open(port)
  const count = 5000
  const frames = []
  for (let i = 0; i < count; i++) frames.push(frame(OP.text, `m${i}`))
  peer.write(...frames, closeFrame(1000))
  const story = await peer.story()
  assert.equal(story.length, count + 1)
  story.slice(0, -1).forEach((word, i) => assert.equal(word, `text:m${i}`))
})

test('a message of many fragments', async () => {
  const peer = await WebSocketPeer.open(port)
  const frames = [frame(OP.binary, 'a', { fin: false })]
  for (let i = 0; i < 3000; i++) frames.push(frame(OP.continuation, 'bc', { fin: false }))
  peer.write(...frames, frame(OP.continuation, 'd'), closeFrame(1000))
  assert.deepEqual(await peer.story(), [`binary:a${'bc'.repeat(3000)}d`, 'close:1000'])
})

// [name, frames sent, what the server says until it ends]
const CASES = [
  ['a ping without payload', [frame(OP.ping), closeFrame(1000)], ['pong:', 'close:1000']],
  ['a ping of 125 bytes', [frame(OP.ping, 'p'.repeat(125)), closeFrame(1000)], [`pong:${'p'.repeat(125)}`, 'close:1000']],
  ['a ping of 126 bytes', [frame(OP.ping, 'p'.repeat(126))], ['close:1002']],
  ['a pong nobody asked for', [frame(OP.pong, 'x'), frame(OP.ping, 'y'), closeFrame(1000)], ['pong:y', 'close:1000']],
  ['a ping in fragments', [frame(OP.ping, 'x', { fin: false })], ['close:1002']],
  ['a close in fragments', [frame(OP.close, '', { fin: false })], ['close:1002']],
  ['a ping between fragments', [frame(OP.text, 'a', { fin: false }), frame(OP.ping, 'p'), frame(OP.continuation, 'b'), closeFrame(1000)], ['pong:p', 'text:ab', 'close:1000']],
  ['a close between fragments', [frame(OP.text, 'a', { fin: false }), closeFrame(1000)], ['close:1000']],
  ['a continuation of nothing', [frame(OP.continuation, 'x')], ['close:1002']],
  ['a continuation of nothing, not the last', [frame(OP.continuation, 'x', { fin: false })], ['close:1002']],
  ['a continuation behind a whole message', [frame(OP.text, 'a'), frame(OP.continuation, 'b')], ['text:a', 'close:1002']],
  ['a text inside a text', [frame(OP.text, 'a', { fin: false }), frame(OP.text, 'b')], ['close:1002']],
  ['a binary inside a text', [frame(OP.text, 'a', { fin: false }), frame(OP.binary, 'b', { fin: false })], ['close:1002']],
  ['an unmasked text', [frame(OP.text, 'a', { masked: false })], ['close:1002']],
  ['an unmasked close', [frame(OP.close, bytes(3, 232), { masked: false })], ['close:1002']],
  ['a 16-bit length for 125 bytes', [frame(OP.text, 'a'.repeat(125), { form: 16 })], ['close:1002']],
  ['a 64-bit length for 65535 bytes', [frame(OP.text, 'a'.repeat(65535), { form: 64 })], ['close:1002']],
  ['a 64-bit length with its highest bit', [bytes(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4)], ['close:1002']],
  ['a huge length', [bytes(0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4)], ['close:1009']],
  ['a close with one byte', [frame(OP.close, bytes(3))], ['close:1002']],
  ['a close without code', [closeFrame()], ['close:']],
  ['a close with a reason', [closeFrame(1000, 'r'.repeat(123))], ['close:1000']],
  ['a close of 126 bytes', [closeFrame(1000, 'r'.repeat(124))], ['close:1002']],
  ['a close with a bad reason', [frame(OP.close, bytes(3, 232, 0xce, 0xba, 0xff))], ['close:1007']],
  ['frames behind a close', [closeFrame(1000), frame(OP.text, 'late'), frame(OP.ping, 'late')], ['close:1000']],
  ['a message after a violation', [frame(OP.text, 'a', { rsv: 1 }), frame(OP.text, 'b')], ['close:1002']],
  ['a message over the limit', [frame(OP.binary, Buffer.alloc(1001))], ['close:1009'], '/ws?max=1000'],
  ['a message at the limit', [frame(OP.text, 'x'.repeat(1000)), closeFrame(1000)], [`text:${'x'.repeat(1000)}`, 'close:1000'], '/ws?max=1000'],
  ['fragments over the limit', [frame(OP.text, 'x'.repeat(600), { fin: false }), frame(OP.continuation, 'x'.repeat(401))], ['close:1009'], '/ws?max=1000'],
  ['a length over the limit, nothing else', [frame(OP.text, '', { length: 2000 })], ['close:1009'], '/ws?max=1000'],
  ['the server closes, we answer', [frame(OP.text, 'close me'), closeFrame(4001)], ['close:4001']],
  ['the server closes, messages cross', [frame(OP.text, 'close me'), frame(OP.text, 'crossed'), closeFrame(4001)], ['close:4001']],
  ['the handler returns', [frame(OP.text, 'return')], ['close:1000']],
]
for (const rsv of [1, 2, 4, 7]) CASES.push([`reserved bits ${rsv}`, [frame(OP.text, 'a', { rsv })], ['close:1002']])
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  CASES.push([`opcode ${opcode}`, [frame(opcode)], ['close:1002']])
  CASES.push([`opcode ${opcode} inside a message`, [frame(OP.text, 'a', { fin: false }), frame(opcode, 'x')], ['close:1002']])
}
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
  CASES.push([`close code ${code}`, [closeFrame(code)], [`close:${code}`]])
}
for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
  CASES.push([`close code ${code}`, [closeFrame(code)], ['close:1002']])
}

for (const [name, frames, expected, path = '/ws'] of CASES) {
  test(name, async () => {
    const peer = await WebSocketPeer.open(port, path)
    peer.write(...frames)
    assert.deepEqual(await peer.story(), expected)
  })
}

const GOOD_TEXTS = ['κόσμε', '\u0000', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\ufffd', '\ufffe', '\uffff', '\u{10000}', '\u{10ffff}', 'Hello-µ@ßöäüàá-UTF-8!!']
test('every good text, whole and in fragments of one byte', async () => {
  const peer = await WebSocketPeer.open(port)
  for (const text of GOOD_TEXTS) {
    const all = Buffer.from(text)
    peer.write(frame(OP.text, all))
    assert.equal((await peer.frame()).text, text)
    const pieces = [...all].map((byte, i) => frame(i === 0 ? OP.text : OP.continuation, bytes(byte), { fin: i === all.length - 1 }))
    peer.write(...pieces)
    assert.equal((await peer.frame()).text, text)
  }
  peer.close()
})

// [valid part, the bytes that make it bad]
const BAD_TEXTS = [
  ['', [0x80]], ['', [0xbf]], ['', [0xc0]], ['', [0xc1]], ['', [0xfe]], ['', [0xff]], ['', [0xf5]],
  ['κόσμε', [0xed, 0xa0]], ['κόσμε', [0xed, 0xbf]], ['κόσμε', [0xf4, 0x90]], ['', [0xe0, 0x9f]], ['', [0xf0, 0x8f]],
  ['a', [0xc3, 0x28]], ['a', [0xe2, 0x28]], ['a', [0xe2, 0x82, 0x28]], ['a', [0xf0, 0x9f, 0x98, 0x28]],
  ['Hello-µ@ßöäüàá-', [0xce, 0xba, 0xff]],
]
test('bad texts fail at their first bad byte', async () => {
  for (const [valid, bad] of BAD_TEXTS) {
    for (const split of ['one frame', 'frames', 'unfinished frame', 'unfinished frame, byte by byte']) {
      const peer = await WebSocketPeer.open(port)
      const all = Buffer.concat([Buffer.from(valid), Buffer.from(bad)])
      if (split === 'one frame') {
        peer.write(frame(OP.text, all))
      } else if (split === 'frames') { // never finished: the violation alone ends it
        for (const [i, byte] of all.entries()) peer.write(frame(i === 0 ? OP.text : OP.continuation, bytes(byte), { fin: false }))
      } else {
        const cut = frame(OP.text, all, { length: all.length + 1000 })
        if (split.endsWith('byte')) await peer.connection.writeBytewise(cut.toString('latin1'))
        else peer.write(cut)
      }
      assert.deepEqual(await peer.story(), ['close:1007'], `${split}: ${all.toString('hex')}`)
    }
  }
})

test('a text cut inside a character', async () => {
  for (const bad of [[0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xf4, 0x8f]]) {
    const peer = await WebSocketPeer.open(port)
    peer.write(frame(OP.text, bytes(...bad)))
    assert.deepEqual(await peer.story(), ['close:1007'])
  }
})

test('binary messages may hold anything', async () => {
  const peer = await WebSocketPeer.open(port)
  const all = Buffer.from([...Array(256).keys()])
  peer.write(frame(OP.binary, all.subarray(0, 100), { fin: false }), frame(OP.continuation, all.subarray(100)))
  assert.ok((await peer.frame()).payload.equals(all))
  peer.close()
})

test('the server closes and the peer does not answer: given up in time', async () => {
  const peer = await WebSocketPeer.open(port)
  peer.write(frame(OP.text, 'close me'))
  const next = await peer.frame()
  assert.equal(next.code, 4001)
  assert.equal(next.reason, 'as you wish')
  const start = performance.now()
  assert.equal(await peer.frame(), null)
  assert.ok(performance.now() - start > 1000)
  peer.close()
})

test('a peer that vanishes', async () => {
  const { sockets } = await server.stats()
  const peers = await Promise.all(Array.from({ length: 20 }, () => WebSocketPeer.open(port)))
  assert.equal((await server.stats()).sockets, sockets + 20)
  peers.forEach((peer, i) => (i % 2 ? peer.connection.socket.resetAndDestroy() : peer.close()))
  while ((await server.stats()).sockets > sockets) await new Promise((resolve) => setTimeout(resolve, 5))
})

test('sub-protocols are selected exactly as offered', async () => {
  const select = async (protocols, path = '/ws') =>
    (await WebSocketPeer.open(port, path, { protocols }).then((peer) => (peer.close(), peer))).response.headers['sec-websocket-protocol']
  assert.equal(await select(undefined), undefined)
  assert.equal(await select('echo'), 'echo')
  assert.equal(await select('other, echo-2, echo'), 'echo-2')
  assert.equal(await select('other'), undefined)
  assert.equal(await select('graphql-ws-2, graphql-ws, header-eyJhIjoxfQ', '/ws?select=graphql-ws'), 'graphql-ws')
  assert.equal(await select('graphql-ws,header-eyJhIjoxfQ', '/ws?select=graphql-ws'), 'graphql-ws')
  assert.equal(await select('GraphQL-WS', '/ws?select=graphql-ws'), undefined)
  assert.equal(await select('x\r\nSec-WebSocket-Protocol: graphql-ws', '/ws?select=graphql-ws'), 'graphql-ws')
})

test('handshakes', async () => {
  const good = handshake('/ws')
  const status = async (text) => (await exchange(port, text)).status
  assert.equal(await status(good), 101)
  assert.equal(await status(good.replace('websocket', 'WebSocket').replace('Connection: Upgrade', 'Connection: keep-alive, upgrade')), 101)
  assert.equal(await status(good.replace(/Sec-WebSocket-Key.*\r\n/, '')), 400)
  assert.equal(await status(good.replace('dGhlIHNhbXBsZSBub25jZQ==', 'dG9vIHNob3J0')), 400)
  assert.equal(await status(good.replace('dGhlIHNhbXBsZSBub25jZQ==', '????')), 400)
  assert.equal(await status(good.replace(/Upgrade: websocket\r\n/, '')), 400)
  assert.equal(await status(good.replace('Upgrade: websocket', 'Upgrade: h2c')), 400)
  assert.equal(await status(good.replace(/Connection: Upgrade\r\n/, '')), 400)
  assert.equal(await status(good.replace('HTTP/1.1', 'HTTP/1.0')), 400)
  assert.equal(await status(good.replace('GET', 'POST')), 405)
  assert.equal(await status(good.replace('\r\n\r\n', '\r\nContent-Length: 4\r\n\r\nbody')), 400)
  for (const version of ['8', '14', '', '13, 8']) {
    const response = await exchangeToEnd(port, good.replace('Version: 13', `Version: ${version}`))
    assert.equal(response.status, 426)
    assert.equal(response.headers['sec-websocket-version'], '13')
    assert.equal(response.headers.upgrade, 'websocket')
  }
  assert.equal((await exchangeToEnd(port, good.replace(/Sec-WebSocket-Version.*\r\n/, ''))).status, 426)
})

test('a slow reader is cut off at the bound and holds nobody up', async () => {
  const quick = await WebSocketPeer.open(port)
  const { cutOff, residentKiB } = await server.stats()
  const slow = await WebSocketPeer.open(port, '/ws-flood')
  slow.connection.socket.pause()
  for (let i = 0; (await server.stats()).cutOff === cutOff; i++) {
    quick.write(frame(OP.text, `still here ${i}`))
    assert.equal((await quick.frame()).text, `still here ${i}`)
  }
  // What was queued stays bounded: the kernel's buffers and the queue's 256 KiB.
  assert.ok((await server.stats()).residentKiB - residentKiB < 64 * 1024)
  slow.connection.socket.resume()
  let last
  for (let next; (next = await slow.frame()) !== null; last = next) {
    if (next.opcode === OP.text) assert.match(next.text, /^<\d{40}>$/)
    else slow.write(closeFrame(1008))
  }
  assert.equal(last.code, 1008) // it does find out why, if it reads at all
  slow.close()
  quick.close()
})

test("node's own client, when it has one", async (t) => {
  if (typeof WebSocket === 'undefined') return t.skip('node 22 and later')
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, ['echo'])
  await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)))
  assert.equal(socket.protocol, 'echo')
  socket.send('from node')
  assert.equal((await new Promise((resolve) => (socket.onmessage = resolve))).data, 'from node')
  const closed = new Promise((resolve) => (socket.onclose = resolve))
  socket.close(3001, 'done')
  assert.equal((await closed).code, 3001)
})

test('1001 when the server ends', async () => {
  const other = await startServer()
  const peers = await Promise.all(Array.from({ length: 5 }, () => WebSocketPeer.open(other.port)))
  const stories = peers.map((peer) => peer.story())
  await other.stop()
  for (const story of stories) assert.deepEqual(await story, ['close:1001'])
})
