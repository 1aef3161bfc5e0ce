// HTTP/1.1: what is refused, with which status, before any handler runs, and that the connection ends
// there - a request whose end is in doubt must not be followed by another (request smuggling).
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Connection, exchange, exchangeToEnd, startServer } from './peer.mjs'

let server
let port
before(async () => {
  server = await startServer('--tls')
  port = server.port
})
after(() => server.stop())

const NEXT = 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n' // must never be answered
const HEADERS = (...lines) => `POST /echo HTTP/1.1\r\nHost: a\r\n${lines.map((line) => line + '\r\n').join('')}\r\n`

// [name, status, request]
const HEADS = [
  ['no version', 400, 'GET /hello\r\nHost: a\r\n\r\n'],
  ['HTTP/0.9', 400, 'GET /hello\r\n'],
  ['HTTP/2.0', 505, 'GET /hello HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['HTTP/1.2', 505, 'GET /hello HTTP/1.2\r\nHost: a\r\n\r\n'],
  ['the HTTP/2 preface', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['http/1.1', 400, 'GET /hello http/1.1\r\nHost: a\r\n\r\n'],
  ['HTTP/1.10', 400, 'GET /hello HTTP/1.10\r\nHost: a\r\n\r\n'],
  ['HTTP/11', 400, 'GET /hello HTTP/11\r\nHost: a\r\n\r\n'],
  ['HTTPS/1.1', 400, 'GET /hello HTTPS/1.1\r\nHost: a\r\n\r\n'],
  ['two spaces', 400, 'GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['two spaces behind the target', 400, 'GET /hello  HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space at the end of the line', 400, 'GET /hello HTTP/1.1 \r\nHost: a\r\n\r\n'],
  ['a space before the method', 400, ' GET /hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a tab', 400, 'GET\t/hello\tHTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space in the target', 400, 'GET /he llo HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no target', 400, 'GET HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an empty line only', 400, '\r\n\r\n\r\n\r\n\r\n\r\n'],
  ['an unknown method', 501, 'BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a method in lower case', 501, 'get /hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['TRACE', 501, 'TRACE /hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['CONNECT', 501, 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n'],
  ['a method that is no token', 400, 'GE(T /hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a method with a NUL', 400, 'GE\0T /hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a NUL in the target', 400, 'GET /he\0llo HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a control character in the target', 400, 'GET /he\x01llo HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['DEL in the target', 400, 'GET /he\x7fllo HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an 8-bit target', 400, 'GET /h\xe9llo HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a fragment', 400, 'GET /hello#x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a target without a slash', 400, 'GET hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['* with GET', 400, 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['*x', 400, 'OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['the authority form', 400, 'GET a.example:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an absolute target without a host', 400, 'GET http:///hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an absolute target with a user', 400, 'GET http://u@a/hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an absolute target with a bad port', 400, 'GET http://a:b/hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['another scheme', 400, 'GET ftp://a/hello HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a bare LF', 400, 'GET /hello HTTP/1.1\nHost: a\n\n'],
  ['a bare LF behind a field', 400, 'GET /hello HTTP/1.1\r\nHost: a\n\r\n'],
  ['a bare LF at the end', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\n\n'],
  ['a bare CR in the request line', 400, 'GET /hello\r HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a bare CR in a value', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n'],
  ['a bare CR before the line end', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\r\n\r\n'],
  ['a folded line', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
  ['a folded line by tab', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n'],
  ['a folded first field', 400, 'GET /hello HTTP/1.1\r\n Host: a\r\n\r\n'],
  ['a space before the colon', 400, 'GET /hello HTTP/1.1\r\nHost : a\r\n\r\n'],
  ['a tab before the colon', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX\t: a\r\n\r\n'],
  ['a space in a name', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX Y: a\r\n\r\n'],
  ['a field without a colon', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nXY\r\n\r\n'],
  ['a field without a name', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n'],
  ['a NUL in a name', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n'],
  ['an 8-bit name', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX\xe9: a\r\n\r\n'],
  ['parentheses in a name', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX(): a\r\n\r\n'],
  ['a NUL in a value', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'],
  ['a control character in a value', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX: a\x08b\r\n\r\n'],
  ['DEL in a value', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n'],
  ['no Host', 400, 'GET /hello HTTP/1.1\r\n\r\n'],
  ['two Hosts', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['the same Host twice', 400, 'GET /hello HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n'],
  ['a list in Host', 400, 'GET /hello HTTP/1.1\r\nHost: a, b\r\n\r\n'],
  ['a path in Host', 400, 'GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['a user in Host', 400, 'GET /hello HTTP/1.1\r\nHost: u@a\r\n\r\n'],
  ['a bad port in Host', 400, 'GET /hello HTTP/1.1\r\nHost: a:8x\r\n\r\n'],
  ['two ports in Host', 400, 'GET /hello HTTP/1.1\r\nHost: a:80:80\r\n\r\n'],
  ['an open bracket in Host', 400, 'GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n'],
  ['a name in brackets in Host', 400, 'GET /hello HTTP/1.1\r\nHost: [name]\r\n\r\n'],
  ['no Host with an absolute target', 400, 'GET http://a/hello HTTP/1.1\r\n\r\n'],
  ['Content-Length and Transfer-Encoding', 400, HEADERS('Content-Length: 5', 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
  ['Transfer-Encoding and Content-Length', 400, HEADERS('Transfer-Encoding: chunked', 'Content-Length: 5') + '0\r\n\r\n'],
  ['differing Content-Lengths', 400, HEADERS('Content-Length: 5', 'Content-Length: 6') + 'hello'],
  ['equal Content-Lengths', 400, HEADERS('Content-Length: 5', 'Content-Length: 5') + 'hello'],
  ['a list in Content-Length', 400, HEADERS('Content-Length: 5, 5') + 'hello'],
  ['Content-Length: +5', 400, HEADERS('Content-Length: +5') + 'hello'],
  ['Content-Length: -5', 400, HEADERS('Content-Length: -5') + 'hello'],
  ['Content-Length: 0x5', 400, HEADERS('Content-Length: 0x5') + 'hello'],
  ['Content-Length: 5a', 400, HEADERS('Content-Length: 5a') + 'hello'],
  ['Content-Length: 5 5', 400, HEADERS('Content-Length: 5 5') + 'hello'],
  ['Content-Length: 5.0', 400, HEADERS('Content-Length: 5.0') + 'hello'],
  ['Content-Length: "5"', 400, HEADERS('Content-Length: "5"') + 'hello'],
  ['an empty Content-Length', 400, HEADERS('Content-Length:') + 'hello'],
  ['a Content-Length beyond 64 bits', 400, HEADERS('Content-Length: 18446744073709551621') + 'hello'],
  ['a Content-Length with a NUL', 400, HEADERS('Content-Length: 5\0') + 'hello'],
  ['Content-Length with a vertical tab', 400, HEADERS('Content-Length: \v5') + 'hello'],
  ['Transfer-Encoding: identity', 501, HEADERS('Transfer-Encoding: identity')],
  ['Transfer-Encoding: gzip, chunked', 501, HEADERS('Transfer-Encoding: gzip, chunked') + '0\r\n\r\n'],
  ['Transfer-Encoding: chunked, identity', 501, HEADERS('Transfer-Encoding: chunked, identity') + '0\r\n\r\n'],
  ['Transfer-Encoding: chunked, chunked', 501, HEADERS('Transfer-Encoding: chunked, chunked') + '0\r\n\r\n'],
  ['Transfer-Encoding: xchunked', 501, HEADERS('Transfer-Encoding: xchunked') + '0\r\n\r\n'],
  ['Transfer-Encoding: chunkedx', 501, HEADERS('Transfer-Encoding: chunkedx') + '0\r\n\r\n'],
  ['Transfer-Encoding: "chunked"', 501, HEADERS('Transfer-Encoding: "chunked"') + '0\r\n\r\n'],
  ['Transfer-Encoding: chunked;q=1', 501, HEADERS('Transfer-Encoding: chunked;q=1') + '0\r\n\r\n'],
  ['Transfer-Encoding: \\x0bchunked', 400, HEADERS('Transfer-Encoding: \x0bchunked') + '0\r\n\r\n'],
  ['an empty Transfer-Encoding', 501, HEADERS('Transfer-Encoding:') + '0\r\n\r\n'],
  ['Transfer-Encoding twice', 400, HEADERS('Transfer-Encoding: chunked', 'Transfer-Encoding: identity') + '0\r\n\r\n'],
  ['Transfer-Encoding folded', 400, HEADERS('Transfer-Encoding:\r\n chunked') + '0\r\n\r\n'],
  ['Transfer-Encoding with a space', 400, HEADERS('Transfer-Encoding : chunked') + '0\r\n\r\n'],
  ['Transfer-Encoding in HTTP/1.0', 400, HEADERS('Transfer-Encoding: chunked').replace('1.1', '1.0') + '0\r\n\r\n'],
  ['a request line that is too long', 414, `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  ['a request line without end', 414, `GET /${'a'.repeat(9000)}`],
  ['a head that is too large', 431, HEADERS(...Array(40).fill(`X: ${'a'.repeat(1000)}`))],
  ['a field without end', 431, `GET /hello HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(40000)}`],
  ['too many fields', 431, HEADERS(...Array(200).fill('X: a'))],
  ['an expectation', 417, HEADERS('Content-Length: 5', 'Expect: the-unexpected') + 'hello'],
]

for (const [name, status, text] of HEADS) {
  test(`${status}: ${name}`, async () => {
    const { handled } = await server.stats()
    const response = await exchangeToEnd(port, text + NEXT)
    assert.equal(response.status, status)
    assert.equal(response.headers.connection, 'close')
    assert.equal(typeof JSON.parse(response.body).message, 'string')
    assert.equal(response.rest, '', 'bytes behind a refused request were answered')
    assert.equal((await server.stats()).handled, handled, 'a handler ran')
  })
}

const CHUNKS = [
  ['no size', '\r\nhello\r\n0\r\n\r\n'],
  ['a sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['a minus', '-5\r\nhello\r\n0\r\n\r\n'],
  ['0x', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a space before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['a space behind the size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['a space before the extension', '5 ;a\r\nhello\r\n0\r\n\r\n'],
  ['letters', '5g\r\nhello\r\n0\r\n\r\n'],
  ['a bare LF behind the size', '5\nhello\r\n0\r\n\r\n'],
  ['a bare CR in the size line', '5\r;\r\nhello\r\n0\r\n\r\n'],
  ['a bare LF behind the data', '5\r\nhello\n0\r\n\r\n'],
  ['data longer than the size', '4\r\nhello\r\n0\r\n\r\n'],
  ['data shorter than the size', '6\r\nhello\r\n0\r\n\r\n'],
  ['a NUL in an extension', '5;a\0\r\nhello\r\n0\r\n\r\n'],
  ['a control character in an extension', '5;a\x01b\r\nhello\r\n0\r\n\r\n'],
  ['a line without end', '5;' + 'a'.repeat(1000)],
  ['a long extension', `5;${'a'.repeat(1000)}\r\nhello\r\n0\r\n\r\n`],
  ['a size of 64 bits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['a size that wraps to 5', 'FFFFFFFFFFFFFFFF5\r\nhello\r\n0\r\n\r\n'],
  ['a negative size of 64 bits', 'fffffffffffffffb\r\nhello\r\n0\r\n\r\n'],
  ['a bad trailer', '5\r\nhello\r\n0\r\nnot a field\r\n\r\n'],
  ['a folded trailer', '5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n'],
  ['a bare LF in the trailer', '5\r\nhello\r\n0\r\nX: a\n\r\n'],
  ['a bare LF at the end', '5\r\nhello\r\n0\r\n\n'],
  ['too long a trailer', '5\r\nhello\r\n0\r\n' + `X: ${'a'.repeat(1000)}\r\n`.repeat(20) + '\r\n'],
  ['a trailer without end', '5\r\nhello\r\n0\r\nX: ' + 'a'.repeat(10000)],
]

for (const [name, chunks] of CHUNKS) {
  test(`400: a chunk with ${name}`, async () => {
    const response = await exchangeToEnd(port, HEADERS('Transfer-Encoding: chunked') + chunks + NEXT)
    assert.equal(response.status, 400)
    assert.equal(response.rest, '')
  })
}

test('413: too large a body, told and untold', async () => {
  const told = await exchangeToEnd(port, HEADERS('Content-Length: 99999999999') + 'hello')
  assert.equal(told.status, 413)
  const limit = 4 * 1024 * 1024
  const whole = await exchange(port, HEADERS(`Content-Length: ${limit}`) + 'x'.repeat(limit))
  assert.equal(whole.body.length, limit)
  const chunk = `10000\r\n${'x'.repeat(65536)}\r\n`
  const untold = await exchangeToEnd(port, HEADERS('Transfer-Encoding: chunked') + chunk.repeat(80))
  assert.equal(untold.status, 413)
  const huge = await exchangeToEnd(port, HEADERS('Transfer-Encoding: chunked') + 'fffffffffffffff\r\n' + 'x'.repeat(6000000))
  assert.equal(huge.status, 413)
})

test('too long is refused without waiting for its end', async () => {
  for (const [status, text] of [[414, `GET /${'a'.repeat(9000)}`], [431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(33000)}`]]) {
    const whole = await exchangeToEnd(port, text)
    assert.equal(whole.status, status)
    const connection = await Connection.open(port) // in pieces that end nowhere in particular
    for (let at = 0; at < text.length; at += 700) {
      connection.write(text.slice(at, at + 700))
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await connection.response()).status, status)
    connection.close()
  }
})

test('a body that ends early is an error, not a shorter body', async () => {
  for (const text of [HEADERS('Content-Length: 5') + 'hel', HEADERS('Transfer-Encoding: chunked') + '5\r\nhel']) {
    const connection = await Connection.open(port)
    connection.socket.end(text)
    assert.equal((await connection.response()).status, 400)
    connection.close()
  }
})

test('a head that ends early gets no answer', async () => {
  const connection = await Connection.open(port)
  connection.socket.end('GET /hello HTTP/1.1\r\nHost:')
  assert.equal(await connection.rest(), '')
  connection.close()
})

test('what is not HTTP', async () => {
  assert.equal((await exchangeToEnd(port, 'SSH-2.0-OpenSSH_9.2\r\n')).status, 400)
  assert.equal((await exchangeToEnd(port, '\0\0\0\0\r\n')).status, 400)
  const secure = await Connection.open(port) // a TLS record that is none
  secure.write('\x16\x03\x01\x00\x05hello')
  await secure.rest()
  secure.close()
  assert.equal((await exchange(port, NEXT)).status, 200)
})

test('refused over TLS as well', async () => {
  for (const [, status, text] of HEADS.filter((_, i) => i % 10 === 0)) {
    assert.equal((await exchangeToEnd(port, text + NEXT, { secure: true })).status, status)
  }
})

test('one byte at a time comes to the same', async () => {
  for (const [name, status, text] of HEADS.filter(([, , text], i) => i % 7 === 0 && text.length < 200)) {
    const connection = await Connection.open(port)
    await connection.writeBytewise(text)
    assert.equal((await connection.response()).status, status, name)
    connection.close()
  }
})
