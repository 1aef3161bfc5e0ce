// HTTP/1.1: limits in time and number, with a server whose limits are short.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Connection, exchange, startServer } from './peer.mjs'

let server
let port
before(async () => {
  server = await startServer(
    '--tls', '--head-timeout', 300, '--body-timeout', 300, '--idle-timeout', 300, '--write-timeout', 500,
    '--requests-max', 5, '--head-max', 2000,
  )
  port = server.port
})
after(() => server.stop())

const GET = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

// Sends `bytes` one by one, quickly enough never to be silent for long, until the server ends it.
async function trickle(connection, bytes) {
  let answered = false
  const response = connection.response().finally(() => (answered = true))
  for (const byte of bytes) {
    if (answered) break
    connection.write(byte)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return response
}

for (const secure of [false, true]) {
  test(`408: a head that comes too slowly, ${secure ? 'TLS' : 'plain'}`, async () => {
    const connection = await Connection.open(port, { secure })
    const start = performance.now()
    connection.write(GET('/hello'))
    assert.equal((await connection.response()).status, 200) // that one was in time
    const late = await trickle(connection, `GET /hello HTTP/1.1\r\nX: ${'y'.repeat(1000)}`)
    assert.equal(late.status, 408)
    assert.equal(late.headers.connection, 'close')
    assert.ok(performance.now() - start < 10000)
    connection.close()
  })
}

test('408: a head that stops', async () => {
  const connection = await Connection.open(port)
  connection.write('GET /hello HTT')
  assert.equal((await connection.response()).status, 408)
  assert.equal(await connection.rest(), '')
  connection.close()
})

test('408: a body that stops', async () => {
  for (const text of ['Content-Length: 5\r\n\r\nhel', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhel']) {
    const connection = await Connection.open(port)
    connection.write(`POST /echo HTTP/1.1\r\nHost: a\r\n${text}`)
    assert.equal((await connection.response()).status, 408)
    assert.equal(await connection.rest(), '')
    connection.close()
  }
})

test('a slow body is taken as long as something comes', async () => {
  const connection = await Connection.open(port)
  connection.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n')
  assert.equal((await trickle(connection, 'z'.repeat(30))).body, 'z'.repeat(30))
  connection.close()
})

test('an idle connection is closed without a word', async () => {
  for (const secure of [false, true]) {
    const connection = await Connection.open(port, { secure })
    connection.write(GET('/hello'))
    assert.equal((await connection.response()).status, 200)
    assert.equal(await connection.rest(), '')
    connection.close()
  }
})

test('a peer that does not read is given up', async () => {
  const before = (await server.stats()).connections
  const connection = await Connection.open(port)
  connection.socket.pause()
  connection.write(GET('/stream?count=1000&size=100000'))
  for (;;) {
    const { connections, fibers } = await server.stats()
    if (connections <= before && fibers <= before + 1) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  connection.close()
})

test('a peer that reads slowly is not', async () => {
  // Several times the time-out altogether; between two looks of the server (a third of the kernel's
  // buffer) it is well inside of it.
  const server = await startServer('--write-timeout', 2000)
  const connection = await Connection.open(server.port)
  connection.write(GET('/stream?count=1&size=8000000&length=yes'))
  connection.socket.pause()
  let taken = 0
  connection.socket.removeAllListeners('data')
  await new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      const piece = connection.socket.read()
      taken += piece?.length ?? 0
      if (taken >= 8000000) (clearInterval(timer), resolve())
      if (connection.error) (clearInterval(timer), reject(connection.error))
    }, 25)
    connection.socket.on('end', () => (clearInterval(timer), resolve()))
  })
  assert.ok(taken >= 8000000, `${taken} bytes came`)
  connection.close()
  await server.stop()
})

test('a connection serves so many requests', async () => {
  const connection = await Connection.open(port)
  connection.write(GET('/hello').repeat(6))
  for (let i = 1; i <= 5; i++) {
    const { headers } = await connection.response()
    assert.equal(headers.connection, i < 5 ? undefined : 'close')
  }
  assert.equal(await connection.rest(), '')
  connection.close()
})

test('431: the limit of the head', async () => {
  const head = (size) => `GET /hello HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(size)}\r\n\r\n`
  assert.equal((await exchange(port, head(1900))).status, 200)
  assert.equal((await exchange(port, head(2000))).status, 431)
})
