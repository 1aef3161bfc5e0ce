// Signatures that were forged, damaged, replayed or made with the wrong key: each is refused with S3's error, nothing of it is
// stored, nothing of what it asked for is told, and the server goes on.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startStorage } from './lib.mjs';
import { amzDate, chunksOf, scopeOf, signHeader, signQuery, writeChunks } from './sigv4.mjs';

const SECRET = 'the content of the target';
let storage;
let bucket;
let key;
let host;
let count = 0;
before(async () => {
  storage = await startStorage('files');
  bucket = storage.bucket('files');
  key = await storage.key();
  host = `s3.localhost:${storage.port}`;
  assert.equal((await storage.signed(key, { method: 'PUT', path: `/${bucket}/target`, body: SECRET })).status, 200);
});
after(async () => {
  try {
    await unchanged();
  } finally {
    await storage.end();
  }
});

async function unchanged() {
  const list = await storage.signed(key, { method: 'GET', path: `/${bucket}` });
  assert.deepEqual([...list.body.toString().matchAll(/<Key>([^<]*)</g)].map(([, name]) => name), ['target'], 'nothing is stored');
  assert.equal((await storage.signed(key, { method: 'GET', path: `/${bucket}/target` })).body.toString(), SECRET);
}

/** It is refused, with one of these codes: [status, code]... */
async function refused(what, request, ...codes) {
  const { status, code, body, headers } = await storage.send(request);
  count++;
  assert.ok(codes.some(([wanted, name]) => status === wanted && (code === name || request.method === 'HEAD')), `${what}: ${status} ${code} ${body}`);
  assert.ok(!body.includes(SECRET), what);
  if (request.method !== 'HEAD') {
    assert.match(headers['content-type'], /^application\/xml/, what);
    assert.match(body.toString(), /^<\?xml[^>]*\?>\s*<Error><Code>\w+<\/Code><Message>[^<]*<\/Message>.*<RequestId>[^<]+<\/RequestId>.*<\/Error>$/s, what);
  }
}
const MISMATCH = [403, 'SignatureDoesNotMatch'];
const DENIED = [403, 'AccessDenied'];
const NO_KEY = [403, 'InvalidAccessKeyId'];
const SKEWED = [403, 'RequestTimeTooSkewed'];
const MALFORMED = [400, 'AuthorizationHeaderMalformed'];
const QUERY = [400, 'AuthorizationQueryParametersError'];
const NO_TOKEN = [400, 'InvalidToken'];
const ARGUMENT = [400, 'InvalidArgument'];
const HASH = [400, 'XAmzContentSHA256Mismatch'];

/** Every request there is, as it would be right. */
const requests = () => ({
  get: { method: 'GET', path: `/${bucket}/target`, query: [['x', 'y'], ['response-content-type', 'a/b']], headers: { host, 'x-amz-meta-a': 'b' } },
  put: { method: 'PUT', path: `/${bucket}/stored`, headers: { host, 'content-type': 'text/plain', 'x-amz-meta-a': 'b' }, body: 'the body' },
  list: { method: 'GET', path: `/${bucket}`, query: [['list-type', '2'], ['prefix', 't']], headers: { host } },
  delete: { method: 'DELETE', path: `/${bucket}/target`, headers: { host } },
  several: { method: 'POST', path: `/${bucket}`, query: [['delete', '']], headers: { host }, body: '<Delete><Object><Key>target</Key></Object></Delete>' },
  head: { method: 'HEAD', path: `/${bucket}/target`, headers: { host } },
});

const flip = (text, at) => text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
const authorization = (signed, change) => ({ ...signed, headers: { ...signed.headers, authorization: change(signed.headers.authorization) } });

test('a header whose signature, key or scope is another', async () => {
  const others = {
    'another secret': { ...key, secretAccessKey: 'x'.repeat(40) },
    'no secret': { ...key, secretAccessKey: '' },
    'half of the secret': { ...key, secretAccessKey: key.secretAccessKey.slice(0, 20) },
  };
  for (const [name, request] of Object.entries(requests())) {
    const signed = signHeader(request, key);
    for (let at = 0; at < 64; at += 13) {
      await refused(`${name}: digit ${at}`, authorization(signed, (text) => text.replace(signed.signature, flip(signed.signature, at))), MISMATCH);
    }
    for (const bad of ['', 'x', signed.signature.slice(1), `${signed.signature}0`, signed.signature.toUpperCase().replace(/[A-F]/g, 'G'), '0'.repeat(64)]) {
      await refused(`${name}: signature ${bad}`, authorization(signed, (text) => text.replace(signed.signature, bad)), MISMATCH, MALFORMED, DENIED, ARGUMENT);
    }
    for (const [what, credentials] of Object.entries(others)) await refused(`${name}: ${what}`, signHeader(request, credentials), MISMATCH);
    await refused(`${name}: nobody's key`, signHeader(request, { ...key, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' }), NO_KEY);
    await refused(`${name}: an invented token`, signHeader(request, { ...key, sessionToken: 'made up' }), NO_TOKEN, NO_KEY, DENIED, MISMATCH);
    const old = new Date(Date.now() - 16 * 60_000);
    const early = new Date(Date.now() + 16 * 60_000);
    await refused(`${name}: too old`, signHeader(request, key, { scope: scopeOf({ date: amzDate(old) }) }), SKEWED);
    await refused(`${name}: too early`, signHeader(request, key, { scope: scopeOf({ date: amzDate(early) }) }), SKEWED);
    await refused(`${name}: another day`, signHeader(request, key, { scope: scopeOf({ day: '20200101' }) }), MALFORMED, MISMATCH, DENIED, SKEWED);
    await refused(`${name}: another service`, signHeader(request, key, { scope: scopeOf({ service: 'iam' }) }), MALFORMED, MISMATCH);
    await refused(`${name}: another end`, signHeader(request, key, { scope: scopeOf({ terminator: 'aws5_request' }) }), MALFORMED);
    const elsewhere = signHeader(request, key, { scope: scopeOf({ region: 'eu-west-1' }) });
    await refused(`${name}: region exchanged`, authorization(elsewhere, (text) => text.replace('eu-west-1', 'us-east-1')), MISMATCH);
    await refused(`${name}: date exchanged`, { ...signed, headers: { ...signed.headers, 'x-amz-date': amzDate(new Date(Date.now() - 60_000)) } }, MISMATCH, MALFORMED);
  }
});

test('a header that is none', async () => {
  const { get, put } = requests();
  for (const request of [get, put]) {
    const signed = signHeader(request, key);
    const texts = ['', 'AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA256 ', 'Basic YTpi', 'Bearer x', 'AWS AKIA:x', signed.headers.authorization.replace('SHA256', 'SHA1'),
      signed.headers.authorization.replace('Credential=', ''), signed.headers.authorization.replace(/SignedHeaders=[^,]*, /, ''),
      signed.headers.authorization.replace(/, Signature=.*/, ''), signed.headers.authorization.replace('/s3/', '/'), signed.headers.authorization.replaceAll(',', ';'),
      signed.headers.authorization.replace('AKIA', ''), `${signed.headers.authorization}, Signature=${'0'.repeat(64)}`, 'x'.repeat(4000)];
    for (const text of texts) await refused(`Authorization: ${text}`, authorization(signed, () => text), MALFORMED, DENIED, MISMATCH, ARGUMENT, NO_KEY, [400, 'InvalidRequest']);
    const { authorization: gone, ...rest } = signed.headers;
    await refused('without', { ...signed, headers: rest }, DENIED);
  }
});

test('what was signed was something else', async () => {
  for (const [name, request] of Object.entries(requests())) {
    const signed = signHeader(request, key);
    const change = (what, changes, ...codes) => refused(`${name}: ${what}`, { ...signed, ...changes }, MISMATCH, DENIED, ...codes);
    await change('method', { method: request.method === 'PUT' ? 'POST' : 'PUT', body: request.body ?? '' });
    await change('path', { path: `/${bucket}/other` });
    await change('case of the path', { path: request.path.replace('amplify', 'Amplify') });
    await change('path twice', { path: `/${request.path}` });
    await change('more query', { query: [...(request.query ?? []), ['versionId', 'x']] });
    await change('host', { headers: { ...signed.headers, host: `${bucket}.s3.localhost:${storage.port}` } });
    await change('an amz header more', { headers: { ...signed.headers, 'x-amz-acl': 'public-read' } });
    await change('payload', { headers: { ...signed.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
    for (const header of Object.keys(request.headers).filter((one) => one !== 'host')) {
      await change(`header ${header}`, { headers: { ...signed.headers, [header]: 'changed' } });
      const { [header]: gone, ...rest } = signed.headers;
      await change(`without ${header}`, { headers: rest });
    }
    for (let i = 0; i < (request.query ?? []).length; i++) {
      await change(`query ${i}`, { query: request.query.map(([one, value], at) => [one, at === i ? `${value}x` : value]) });
      await change(`without query ${i}`, { query: request.query.filter((_, at) => at !== i) });
    }
    if (request.body) {
      await change('body', { body: `${request.body.slice(0, -1)}!` }, HASH);
      await change('longer body', { body: `${request.body}!` }, HASH);
      await change('no body', { body: '' }, HASH);
    }
  }
});

test('URLs', async () => {
  const { get, put, delete: remove, list } = requests();
  const plain = (request) => ({ ...request, headers: { host } });
  for (const request of [plain(get), plain(put), plain(remove), plain(list)]) {
    const name = `${request.method} ${request.path}`;
    const signed = signQuery(request, key);
    const set = (parameter, value) => ({ ...signed, query: signed.query.map(([one, old]) => [one, one === parameter ? value(old) : old]) });
    const without = (parameter) => ({ ...signed, query: signed.query.filter(([one]) => one !== parameter) });
    for (const at of [0, 20, 40, 63]) await refused(`${name}: digit ${at}`, set('X-Amz-Signature', (old) => flip(old, at)), MISMATCH);
    for (const parameter of ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-SignedHeaders', 'X-Amz-Signature']) {
      await refused(`${name}: without ${parameter}`, without(parameter), QUERY, DENIED, [403, 'AccessDenied'], MISMATCH);
      await refused(`${name}: ${parameter} empty`, set(parameter, () => ''), QUERY, DENIED, MISMATCH, [400, 'InvalidRequest']);
      await refused(`${name}: ${parameter} changed`, set(parameter, (old) => `${old}1`), QUERY, DENIED, MISMATCH, NO_KEY, ARGUMENT, MALFORMED);
    }
    for (const expires of ['0', '-1', '604801', '1e3', 'x', '99999999999999999999']) {
      await refused(`${name}: expires ${expires}`, signQuery(request, key, { expires }), QUERY, DENIED);
    }
    const old = scopeOf({ date: amzDate(new Date(Date.now() - 120_000)) });
    await refused(`${name}: expired`, signQuery(request, key, { scope: old, expires: 60 }), DENIED);
    await refused(`${name}: of tomorrow`, signQuery(request, key, { scope: scopeOf({ date: amzDate(new Date(Date.now() + 86_400_000)) }) }), DENIED);
    await refused(`${name}: other method`, { ...signed, method: request.method === 'PUT' ? 'DELETE' : 'PUT' }, MISMATCH);
    await refused(`${name}: other path`, { ...signed, path: `/${bucket}/target2` }, MISMATCH);
    await refused(`${name}: more query`, { ...signed, query: [...signed.query, ['prefix', 'x']] }, MISMATCH);
    await refused(`${name}: an amz header more`, { ...signed, headers: { host, 'x-amz-meta-x': 'y' } }, DENIED, MISMATCH);
    await refused(`${name}: both forms`, { ...signed, headers: signHeader(request, key).headers }, [400, 'InvalidArgument'], [400, 'InvalidRequest'], DENIED, MISMATCH, QUERY);
  }
});

test('chunks', async () => {
  const pieces = [randomBytes(65_536), randomBytes(65_536), randomBytes(100)];
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const crc = 'AAAAAA==';
  const build = (payload, trailer) => {
    const headers = { host, 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(total), ...(trailer && { 'x-amz-trailer': 'x-amz-checksum-crc32' }) };
    const signed = signHeader({ method: 'PUT', path: `/${bucket}/chunks`, headers }, key, { payload });
    return { signed, body: chunksOf(pieces, signed, key.secretAccessKey, trailer) };
  };
  const CHUNKS = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
  const WITH_TRAILER = `${CHUNKS}-TRAILER`;
  const BODY = [MISMATCH, [400, 'IncompleteBody'], [400, 'InvalidRequest'], [400, 'MalformedTrailerError'], [400, 'InvalidChunkSizeError'], DENIED];
  const damaged = async (what, payload, damage, trailer) => {
    const { signed, body } = build(payload, trailer);
    damage(body, signed);
    await refused(`${payload}: ${what}`, { ...signed, body: body.raw ?? writeChunks(body) }, ...BODY, [400, 'BadDigest']);
  };
  for (const [payload, trailer] of [[CHUNKS], [WITH_TRAILER, [['x-amz-checksum-crc32', crc]]]]) {
    for (const i of [0, 1, 2, 3]) {
      await damaged(`signature ${i}`, payload, ({ chunks }) => (chunks[i].signature = flip(chunks[i].signature, 5)), trailer);
      await damaged(`no signature ${i}`, payload, ({ chunks }) => (chunks[i].signature = undefined), trailer);
      await damaged(`short signature ${i}`, payload, ({ chunks }) => (chunks[i].signature = chunks[i].signature.slice(0, 10)), trailer);
    }
    for (const i of [0, 1, 2]) {
      await damaged(`byte of ${i}`, payload, ({ chunks }) => (chunks[i].bytes[7] ^= 1), trailer);
      await damaged(`size of ${i}`, payload, ({ chunks }) => (chunks[i].size = (chunks[i].bytes.length - 1).toString(16)), trailer);
      await damaged(`huge size of ${i}`, payload, ({ chunks }) => (chunks[i].size = 'ffffffffffffffff'), trailer);
      await damaged(`no size of ${i}`, payload, ({ chunks }) => (chunks[i].size = ''), trailer);
      await damaged(`without ${i}`, payload, ({ chunks }) => chunks.splice(i, 1), trailer);
    }
    await damaged('exchanged', payload, ({ chunks }) => chunks.splice(0, 2, chunks[1], chunks[0]), trailer);
    await damaged('twice', payload, ({ chunks }) => chunks.splice(1, 0, chunks[0]), trailer);
    await damaged('ended early', payload, ({ chunks }) => chunks.splice(1, 2), trailer);
    await damaged('no end', payload, ({ chunks }) => chunks.pop(), trailer);
    await damaged('plain bytes', payload, (body) => (body.raw = Buffer.concat(pieces)), trailer);
    await damaged('nothing', payload, (body) => (body.raw = Buffer.alloc(0)), trailer);
    await damaged('seed of another', payload, (body, signed) => {
      const other = { ...signed, signature: flip(signed.signature, 3) };
      Object.assign(body, chunksOf(pieces, other, key.secretAccessKey, trailer));
    }, trailer);
    await damaged('secret of another', payload, (body, signed) => Object.assign(body, chunksOf(pieces, signed, 'x'.repeat(40), trailer)), trailer);
  }
  const trailer = [['x-amz-checksum-crc32', crc]];
  await damaged('trailer signature', WITH_TRAILER, (body) => (body.trailerSignature = flip(body.trailerSignature, 3)), trailer);
  await damaged('no trailer signature', WITH_TRAILER, (body) => (body.trailerSignature = undefined), trailer);
  await damaged('trailer changed', WITH_TRAILER, (body) => (body.trailer[0][1] = 'AAAAAQ=='), trailer);
  await damaged('trailer gone', WITH_TRAILER, (body) => (body.trailer = []), trailer);
  await damaged('trailer more', WITH_TRAILER, (body) => body.trailer.push(['x-amz-checksum-sha1', 'x']), trailer);
  await damaged('trailer wrong', WITH_TRAILER, () => {}, trailer);

  // Without signatures of the chunks, the sum of the trailer still counts.
  const headers = { host, 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(total), 'x-amz-trailer': 'x-amz-checksum-crc32' };
  const signed = signHeader({ method: 'PUT', path: `/${bucket}/chunks`, headers }, key, { payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' });
  const chunks = [...pieces, Buffer.alloc(0)].map((bytes) => ({ size: bytes.length.toString(16), bytes }));
  await refused('unsigned, wrong sum', { ...signed, body: writeChunks({ chunks, trailer }) }, [400, 'BadDigest']);
  await refused('unsigned, no sum', { ...signed, body: writeChunks({ chunks }) }, [400, 'BadDigest'], [400, 'InvalidRequest'], [400, 'MalformedTrailerError']);
  await refused('unsigned, cut', { ...signed, body: writeChunks({ chunks: chunks.slice(0, 2) }) }, ...BODY);
});

test('keys that are no more, and credentials that are not theirs', async () => {
  const gone = await storage.key();
  const request = { method: 'GET', path: `/${bucket}/target`, headers: { host } };
  const url = signQuery(request, gone, { expires: 3600 });
  const header = signHeader(request, gone);
  assert.equal((await storage.send(url)).body.toString(), SECRET);
  await storage.ampd('keys', 'delete', gone.accessKeyId);
  await refused('a URL of a key that was deleted', url, NO_KEY);
  await refused('its header again', header, NO_KEY);
  await refused('its next header', signHeader(request, gone), NO_KEY);

  const guest = await storage.guest();
  const member = await storage.member();
  const { credentials } = guest;
  const other = member.credentials;
  const mixed = {
    'no token': { ...credentials, sessionToken: undefined },
    'another\'s token': { ...credentials, sessionToken: other.sessionToken },
    'another\'s secret': { ...credentials, secretAccessKey: other.secretAccessKey },
    'a token cut off': { ...credentials, sessionToken: credentials.sessionToken.slice(0, -10) },
    'a token changed': { ...credentials, sessionToken: flip(credentials.sessionToken, 40) },
    'an access key with a token': { ...key, sessionToken: credentials.sessionToken },
    'a token with an access key\'s secret': { ...credentials, secretAccessKey: key.secretAccessKey },
  };
  for (const [what, one] of Object.entries(mixed)) {
    await refused(`header: ${what}`, signHeader(request, one), NO_KEY, NO_TOKEN, MISMATCH);
    await refused(`URL: ${what}`, signQuery(request, one), NO_KEY, NO_TOKEN, MISMATCH);
  }
  await refused('a guest\'s right signature', signHeader(request, credentials), DENIED);
});

test('keys for some buckets and actions only', async () => {
  const make = async (...words) => JSON.parse((await storage.ampd('keys', 'create', '--json', ...words)).stdout);
  const reader = await make('--allow', 's3:GetObject', '--resource', `arn:aws:s3:::${bucket}/*`);
  const lister = await make('--allow', 's3:ListBucket', 's3:GetObject', '--resource', `arn:aws:s3:::${bucket}`);
  const archive = await make('--resource', `arn:aws:s3:::${storage.bucket('archive')}`, `arn:aws:s3:::${storage.bucket('archive')}/*`);
  const { get, put, list, delete: remove, several } = requests();
  const answer = async (who, request) => (await storage.send(signHeader(request, who))).status;
  assert.deepEqual([await answer(reader, get), await answer(lister, list)], [200, 200]);
  for (const request of [put, list, remove]) await refused('the reader', signHeader(request, reader), DENIED);
  for (const request of [put, get, remove]) await refused('the lister', signHeader(request, lister), DENIED);
  for (const request of [put, get, list, remove]) await refused('the other bucket\'s', signHeader(request, archive), DENIED);
  assert.match((await storage.send(signHeader(several, archive))).body.toString(), /<Error><Key>target<\/Key><Code>AccessDenied/);
  const own = { ...put, path: `/${storage.bucket('archive')}/stored` };
  assert.deepEqual([await answer(archive, own), await answer(archive, { ...own, method: 'DELETE', body: undefined })], [200, 204]);
});

test('the server is well, and hundreds were refused', async (t) => {
  t.diagnostic(`${count} signatures were refused`);
  assert.ok(count >= 400, `${count}`);
  assert.equal((await fetch(`${storage.origin}/_ampd/health`)).status, 200);
});

test('a chunk that is longer than a piece, with a long sum behind it', async () => {
  for (const size of [300_000, 700_000, 1_500_000]) {
    const pieces = [randomBytes(100), randomBytes(size)];
    const sum = createHash('sha256').update(Buffer.concat(pieces)).digest('base64');
    const headers = { host, 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(size + 100), 'x-amz-trailer': 'x-amz-checksum-sha256' };
    const signed = signHeader({ method: 'PUT', path: `/${bucket}/long`, headers }, key, { payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER' });
    const body = writeChunks(chunksOf(pieces, signed, key.secretAccessKey, [['x-amz-checksum-sha256', sum]]));
    const { status, code } = await storage.send({ ...signed, body });
    assert.deepEqual([status, code], [200, undefined]);
  }
  assert.equal((await storage.signed(key, { method: 'DELETE', path: `/${bucket}/long` })).status, 204);
});

test('a metadata name of a URL that ends its line', async () => {
  const request = { method: 'PUT', path: `/${bucket}/split`, headers: { host }, query: [['x-amz-meta-a\r\nset-cookie: x', 'y']] };
  await refused('a line in a name', { ...signQuery(request, key), body: 'x' }, [400, 'InvalidRequest']);
});

test('headers whose bytes are no text, which an object could not be read with again', async () => {
  for (const [name, value] of [['cache-control', 'a\xff'], ['content-type', 'text/\xe4'], ['content-disposition', '\xc3']]) {
    for (const query of [[], [['uploads', '']]]) {
      const method = query.length > 0 ? 'POST' : 'PUT';
      const request = signHeader({ method, path: `/${bucket}/notext`, query, headers: { host }, body: Buffer.from('x') }, key);
      await refused(name, { ...request, headers: { ...request.headers, [name]: value } }, [400, 'InvalidArgument']);
    }
  }
  assert.equal((await storage.signed(key, { method: 'PUT', path: `/${bucket}/notext`, body: 'x' })).status, 200);
  assert.equal((await storage.signed(key, { method: 'DELETE', path: `/${bucket}/notext` })).status, 204);
});
