// HTTP/1.1: what a well-behaved peer sees, byte by byte, and in front of node's own client.
import assert from 'node:assert/strict'
import http from 'node:http'
import https from 'node:https'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { Connection, exchange, exchangeToEnd, startServer } from './peer.mjs'

let server
let port
before(async () => {
  server = await startServer('--tls')
  port = server.port
})
after(() => server.stop())

const GET = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`
const POST = (path, body, more = '') =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`
const CHUNKED = (path, chunks, more = '') =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n${more}\r\n${chunks}`

for (const secure of [false, true]) {
  const kind = secure ? 'TLS' : 'plain'

  test(`keep-alive, ${kind}`, async () => {
    const connection = await Connection.open(port, { secure })
    for (let i = 0; i < 50; i++) {
      connection.write(GET('/hello'))
      const { status, headers, body } = await connection.response()
      assert.equal(status, 200)
      assert.equal(body, 'hello, world\n')
      assert.equal(headers.connection, undefined)
      assert.equal(headers['content-type'], 'text/plain')
      assert.match(headers['x-amzn-requestid'], /^[0-9a-f-]{36}$/)
      assert.match(headers.date, /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/)
    }
    connection.close()
  })

  test(`pipelining in one packet, ${kind}`, async () => {
    const connection = await Connection.open(port, { secure })
    let text = ''
    for (let i = 0; i < 200; i++) {
      text += i % 3 === 0 ? POST('/echo', `body ${i}`) : i % 3 === 1 ? CHUNKED('/echo', `3\r\nabc\r\n0\r\n\r\n`) : GET('/hello')
    }
    connection.write(text)
    for (let i = 0; i < 200; i++) {
      const { status, body } = await connection.response()
      assert.equal(status, 200)
      assert.equal(body, i % 3 === 0 ? `body ${i}` : i % 3 === 1 ? 'abc' : 'hello, world\n')
    }
    connection.close()
  })

  test(`one byte at a time, ${kind}`, async () => {
    const connection = await Connection.open(port, { secure })
    const text =
      GET('/hello', 'X-Long: some value\r\n') +
      POST('/echo', 'a body') +
      CHUNKED('/echo', '3;ext="a"\r\nabc\r\n00A\r\n0123456789\r\n0;last\r\nTrailer: x\r\nOther:\r\n\r\n') +
      GET('/info?name=z')
    await connection.writeBytewise(text)
    assert.equal((await connection.response()).body, 'hello, world\n')
    assert.equal((await connection.response()).body, 'a body')
    assert.equal((await connection.response()).body, 'abc0123456789')
    assert.equal(JSON.parse((await connection.response()).body).name, 'z')
    connection.close()
  })

  test(`a large body both ways, ${kind}`, async () => {
    const body = Buffer.alloc(3 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz').toString('latin1')
    assert.ok((await exchange(port, POST('/echo', body), { secure })).body === body)
    const streamed = await exchange(port, POST('/stream-echo', body), { secure })
    assert.ok(streamed.body === body)
    assert.equal(streamed.headers['transfer-encoding'], 'chunked')
  })
}

test('chunked both ways, with extensions and trailers', async () => {
  const connection = await Connection.open(port)
  connection.write(
    CHUNKED('/stream-echo', '5;name=value;flag\r\nhello\r\n1;q="a b"\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: abc\r\nX-More: d\r\n\r\n') +
      GET('/hello'),
  )
  assert.equal((await connection.response()).body, 'hello world')
  assert.equal((await connection.response()).body, 'hello, world\n')
  connection.close()
})

test('chunk sizes in either case, with leading zeros', async () => {
  const body = 'x'.repeat(171)
  for (const size of ['ab', 'AB', 'aB', '0000ab', '000000000000AB']) {
    assert.equal((await exchange(port, CHUNKED('/echo', `${size}\r\n${body}\r\n0\r\n\r\n`))).body, body)
  }
})

test('an answer of told length, and one that ends early', async () => {
  const told = await exchange(port, GET('/stream?count=5&size=1000&length=yes'))
  assert.equal(told.headers['content-length'], '5000')
  assert.equal(told.body.length, 5000)
  const connection = await Connection.open(port)
  connection.write(GET('/short'))
  await assert.rejects(connection.response(), /ended early/)
  connection.close()
})

test('chunks go out as they are written', async () => {
  for (const size of [1, 2047, 2048, 2049, 70000]) {
    const { chunks } = await exchange(port, GET(`/stream?count=4&size=${size}`))
    assert.deepEqual(chunks.map((chunk) => chunk.length), [size, size, size, size])
  }
})

test('HEAD', async () => {
  const connection = await Connection.open(port)
  for (const [path, length, coding] of [
    ['/hello', '13'],
    ['/stream', undefined, 'chunked'],
    ['/stream?length=yes', '30'],
    ['/missing', '23'],
  ]) {
    connection.write(`HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const { headers } = await connection.response({ head: true })
    assert.equal(headers['content-length'], length)
    assert.equal(headers['transfer-encoding'], coding)
  }
  connection.write(GET('/hello')) // the connection is in step
  assert.equal((await connection.response()).body, 'hello, world\n')
  connection.close()
})

test('204 has no body and no length', async () => {
  const connection = await Connection.open(port)
  connection.write(GET('/no-content') + GET('/hello'))
  const { status, headers } = await connection.response()
  assert.equal(status, 204)
  assert.equal(headers['content-length'], undefined)
  assert.equal(headers['transfer-encoding'], undefined)
  assert.equal((await connection.response()).status, 200)
  connection.close()
})

test('Expect: 100-continue', async () => {
  const connection = await Connection.open(port)
  const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n'
  connection.write(head)
  assert.equal((await connection.response()).status, 100)
  connection.write('hello')
  assert.equal((await connection.response()).body, 'hello')
  connection.write(head + 'again') // did not wait: no 100 is needed
  assert.equal((await connection.response()).body, 'again')
  connection.close()
  // A handler that does not want the body: the final answer at once, and the end, since the peer may
  // or may not send the body now.
  const refused = await exchangeToEnd(port, head.replace('/echo', '/ignore'))
  assert.equal(refused.status, 200)
  assert.equal(refused.headers.connection, 'close')
  assert.equal((await exchange(port, head.replace('100-Continue', 'miracles'))).status, 417)
})

test('an ignored body is passed over', async () => {
  const connection = await Connection.open(port)
  connection.write(POST('/ignore', 'x'.repeat(100000)) + GET('/hello'))
  assert.equal((await connection.response()).body, 'ignored\n')
  assert.equal((await connection.response()).body, 'hello, world\n')
  connection.write(CHUNKED('/ignore', '3\r\nabc\r\n0\r\n\r\n') + GET('/hello'))
  assert.equal((await connection.response()).body, 'ignored\n')
  assert.equal((await connection.response()).body, 'hello, world\n')
  connection.close()
})

test('too large an ignored body ends the connection, and the answer arrives all the same', async () => {
  const connection = await Connection.open(port)
  connection.write(`POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n`)
  connection.write('x'.repeat(1000000))
  const response = await connection.response()
  assert.equal(response.body, 'ignored\n')
  assert.equal(response.headers.connection, 'close')
  assert.equal(await connection.rest(), '')
  connection.close()
})

test('back-pressure: a body is not read before the handler asks', async () => {
  // stream-echo writes what it reads; a peer that does not read stops it, and so is stopped itself.
  const connection = await Connection.open(port)
  connection.socket.pause()
  connection.write('POST /stream-echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65536, 'y'), Buffer.from('\r\n')])
  let sent = 0
  while (connection.socket.writableLength < 4 * 1024 * 1024 && sent < 2000) {
    connection.write(chunk)
    sent++
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(sent < 2000, 'the server took everything')
  const { residentKiB } = await server.stats()
  assert.ok(residentKiB > 0)
  connection.write('0\r\n\r\n')
  connection.socket.resume()
  assert.equal((await connection.response()).body.length, sent * 65536)
  connection.close()
})

test('HTTP/1.0', async () => {
  const closing = await exchangeToEnd(port, 'GET /hello HTTP/1.0\r\n\r\n')
  assert.equal(closing.body, 'hello, world\n')
  assert.equal(closing.headers.connection, 'close')
  const connection = await Connection.open(port)
  for (let i = 0; i < 2; i++) {
    connection.write('GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n')
    assert.equal((await connection.response()).headers.connection, 'keep-alive')
  }
  connection.close()
  const streamed = await exchangeToEnd(port, 'GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  assert.equal(streamed.headers['transfer-encoding'], undefined)
  assert.equal(streamed.headers['content-length'], undefined)
  assert.equal(streamed.headers.connection, 'close')
  assert.equal(streamed.body, 'x'.repeat(30))
})

test('Connection', async () => {
  for (const value of ['close', 'Close', 'keep-alive, close', 'x-other,close', 'close\r\nConnection: x']) {
    const response = await exchangeToEnd(port, GET('/hello', `Connection: ${value}\r\n`))
    assert.equal(response.headers.connection, 'close', value)
  }
  const response = await exchange(port, GET('/hello', 'Connection: keep-alive\r\n'))
  assert.equal(response.headers.connection, undefined)
})

test('empty lines before a request', async () => {
  assert.equal((await exchange(port, '\r\n\r\n' + GET('/hello'))).status, 200)
})

test('targets and Host', async () => {
  const info = async (line, host = 'Host: localhost:1234\r\n') => {
    const response = await exchange(port, `${line} HTTP/1.1\r\n${host}\r\n`)
    assert.equal(response.status, 200, line)
    return JSON.parse(Buffer.from(response.body, 'latin1'))
  }
  const plain = await info('GET /info?name=a+b%20c%26&x=1')
  assert.equal(plain.path, '/info')
  assert.equal(plain.query, 'name=a+b%20c%26&x=1')
  assert.equal(plain.name, 'a b c&')
  assert.equal(plain.encoded, 'a%20b%20c%26')
  assert.equal(plain.host, 'localhost:1234')
  assert.equal(plain.peer, '127.0.0.1')
  assert.equal(plain.tls, false)
  const below = await info('GET /below/a%20b/%C3%A9%2F?')
  assert.equal(below.rest, 'a%20b/%C3%A9%2F')
  assert.equal(below.decoded, '/below/a b/é/')
  // The absolute form's host goes before the header (RFC 9112 section 3.2.2).
  const absolute = await info('GET http://other.example:81/info?name=q', 'Host: localhost\r\n')
  assert.equal(absolute.host, 'other.example:81')
  assert.equal(absolute.name, 'q')
  assert.equal((await info('GET HTTPS://other.example/info')).host, 'other.example')
  assert.equal((await info('GET /info', 'Host:\r\n')).host, '')
  assert.equal((await info('GET /info', 'Host: [::1]:80\r\n')).host, '[::1]:80')
  assert.equal((await exchange(port, 'GET http://x.example HTTP/1.1\r\nHost: a\r\n\r\n')).status, 404) // path "/"
  assert.equal((await exchange(port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n')).status, 204)
})

test('routes by host', async () => {
  const body = async (host) => (await exchange(port, `GET /info HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).body
  assert.equal(await body('one.example'), 'hello, world\n')
  assert.equal(await body('ONE.Example:8080'), 'hello, world\n')
  assert.equal(await body('a.wild.example'), 'hello, world\n')
  assert.notEqual(await body('wild.example'), 'hello, world\n')
  assert.notEqual(await body('two.example'), 'hello, world\n')
})

test('404, 405 with Allow', async () => {
  assert.equal((await exchange(port, GET('/missing'))).status, 404)
  assert.equal((await exchange(port, GET('/hello/'))).status, 404)
  const response = await exchange(port, 'DELETE /graphql HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(response.status, 405)
  assert.equal(response.headers.allow, 'POST, OPTIONS')
  assert.equal((await exchange(port, POST('/hello', ''))).headers.allow, 'GET, HEAD')
})

test('handlers that fail', async () => {
  const failed = await exchangeToEnd(port, GET('/fail'))
  assert.equal(failed.status, 500)
  assert.deepEqual(JSON.parse(failed.body), { message: 'internal failure' })
  assert.equal(failed.headers['access-control-allow-origin'], '*') // a browser may read it
  assert.equal((await exchange(port, GET('/fail?forbidden'))).status, 403)
  assert.equal((await exchange(port, GET('/silent'))).status, 500)
  const connection = await Connection.open(port)
  connection.write(GET('/fail-late')) // begun: only the missing end can tell
  await assert.rejects(connection.response(), /ended early/)
  connection.close()
})

test('a small answer is one TLS record, a large one is whole', async () => {
  for (const size of [0, 1000, 1024, 1025, 12 * 1024, 12 * 1024 + 1, 70000]) {
    for (const secure of [false, true]) {
      const { body } = await exchange(port, POST('/echo', 'y'.repeat(size)), { secure })
      assert.equal(body.length, size)
    }
  }
})

test('a header value cannot end its line', async () => {
  const response = await exchange(port, GET('/header?value=a%0d%0aX-Evil:%20b%00c'))
  assert.equal(response.headers['x-value'], 'a  X-Evil: b c')
  assert.equal(response.headers['x-evil'], undefined)
  const typed = await exchange(port, GET('/header?type=a/b%0aX-Evil:%20b'))
  assert.equal(typed.headers['content-type'], 'a/b X-Evil: b')
})

test('CORS', async () => {
  const wanted =
    'authorization,x-api-key,x-amz-user-agent,x-amz-date,x-amz-security-token,content-type,x-my-own'
  const ask = `OPTIONS /graphql HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:5173\r\nAccess-Control-Request-Method: POST\r\n`
  const preflight = await exchange(port, `${ask}Access-Control-Request-Headers: ${wanted}\r\n\r\n`)
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers['access-control-allow-origin'], '*')
  assert.equal(preflight.headers['access-control-allow-headers'], wanted)
  assert.match(preflight.headers['access-control-allow-methods'], /\bPOST\b/)
  assert.ok(Number(preflight.headers['access-control-max-age']) > 0)
  assert.match(preflight.headers.vary, /Access-Control-Request-Headers/)
  assert.equal(preflight.headers['access-control-allow-private-network'], undefined)
  const local = await exchange(port, `${ask}Access-Control-Request-Private-Network: true\r\n\r\n`)
  assert.equal(local.headers['access-control-allow-private-network'], 'true')
  const long = 'x-' + 'y'.repeat(20000)
  const longest = await exchange(port, `${ask}Access-Control-Request-Headers: ${long}\r\n\r\n`)
  assert.equal(longest.headers['access-control-allow-headers'], long)
  const response = await exchange(port, POST('/graphql', '{}', 'Origin: http://localhost:5173\r\n'))
  assert.equal(response.headers['access-control-allow-origin'], '*')
  const exposed = response.headers['access-control-expose-headers'].toLowerCase().split(',')
  assert.ok(exposed.includes('x-amzn-requestid') && exposed.includes('x-amzn-errortype'))
  // A route of every method still leaves real preflight requests to us, and only these.
  const any = await exchange(port, ask.replace('/graphql', '/any') + '\r\n')
  assert.equal(any.status, 204)
  assert.equal((await exchange(port, 'OPTIONS /any HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200)
  // Elsewhere there is no CORS.
  assert.equal((await exchange(port, GET('/hello'))).headers['access-control-allow-origin'], undefined)
  assert.equal((await exchange(port, ask.replace('/graphql', '/hello') + '\r\n')).status, 405)
})

test('a slow handler holds up its own connection only', async () => {
  const slow = exchange(port, GET('/slow?ms=300'))
  let quick = 0
  let done = false
  slow.then(() => (done = true))
  while (!done) {
    assert.equal((await exchange(port, GET('/hello'))).status, 200)
    quick++
  }
  assert.equal((await slow).body, 'slept\n')
  assert.ok(quick > 1)
})

test('the peer ends its side after the request and still gets the answer', async () => {
  const connection = await Connection.open(port)
  connection.socket.end(GET('/slow?ms=50'))
  assert.equal((await connection.response()).body, 'slept\n')
  assert.equal(await connection.rest(), '')
  connection.close()
})

test("node's client, agents and all", async () => {
  for (const [module, secure] of [[http, false], [https, true]]) {
    const agent = new module.Agent({ keepAlive: true, maxSockets: 4 })
    const call = (method, path, body) =>
      new Promise((resolve, reject) => {
        const options = { port, host: '127.0.0.1', method, path, agent, rejectUnauthorized: false }
        const request = module.request(options, (response) => {
          let text = ''
          const { localPort } = response.socket
          response.setEncoding('latin1')
          response.on('data', (piece) => (text += piece))
          response.on('end', () => resolve({ status: response.statusCode, body: text, localPort }))
        })
        request.on('error', reject)
        if (body) for (const piece of body) request.write(piece)
        request.end()
      })
    const jobs = []
    for (let i = 0; i < 60; i++) {
      jobs.push(i % 2 ? call('POST', '/stream-echo', [`a${i}`, 'b'.repeat(5000)]) : call('GET', '/stream?count=9&size=900'))
    }
    const answers = await Promise.all(jobs)
    answers.forEach(({ status, body }, i) => {
      assert.equal(status, 200)
      assert.equal(body, i % 2 ? `a${i}` + 'b'.repeat(5000) : 'x'.repeat(8100))
    })
    assert.ok(new Set(answers.map(({ localPort }) => localPort)).size <= 4) // connections were kept
    agent.destroy()
  }
})

test('curl', async (t) => {
  const curl = (...args) =>
    new Promise((resolve, reject) => {
      execFile('curl', ['--silent', '--show-error', '--insecure', '--noproxy', '*', ...args], (error, out) =>
        error ? reject(error) : resolve(out),
      )
    })
  try {
    await curl('--version')
  } catch {
    return t.skip('curl is not installed')
  }
  for (const base of [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`]) {
    assert.equal(await curl(`${base}/hello`), 'hello, world\n')
    assert.equal(await curl('--http1.0', `${base}/stream`), 'x'.repeat(30))
    assert.match(await curl('--head', `${base}/hello`), /^HTTP\/1\.1 200 OK\r\n/)
    assert.equal(await curl('--data', 'z'.repeat(5000), '--header', 'Expect: 100-continue', `${base}/echo`), 'z'.repeat(5000))
    assert.equal(await curl('--data', 'abc', '--header', 'Transfer-Encoding: chunked', `${base}/echo`), 'abc')
    assert.equal(await curl(`${base}/hello`, `${base}/hello`, `${base}/stream`), 'hello, world\n'.repeat(2) + 'x'.repeat(30))
  }
})

test('wrk', async (t) => {
  const run = (...args) =>
    new Promise((resolve, reject) => execFile('wrk', args, (error, out) => (error?.code === 'ENOENT' ? reject(error) : resolve(out))))
  try {
    const out = await run('-t1', '-c20', '-d1s', `http://127.0.0.1:${port}/hello`)
    assert.match(out, /Requests\/sec/)
    assert.doesNotMatch(out, /Non-2xx|Socket errors/)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    t.skip('wrk is not installed')
  }
})
