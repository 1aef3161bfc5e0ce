// Damaged, forged, late and half-signed requests: every one is refused, with the name and status
// that the service gives, and none ends the program.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Host, base64 } from './host.mjs';

const NOW = Date.UTC(2026, 1, 3, 4, 5, 6);
const DATE = '20260203T040506Z';
const REGION = 'localhost:4443#';
const hash = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

let host;
let session;
let key;
let count = 0;

before(async () => {
  host = await Host.start();
  await host.send({ cmd: 'now', ms: NOW });
  session = await issue({});
  const made = await host.send({ cmd: 'key' });
  key = { accessKeyId: made.id, secretAccessKey: made.secret };
});

after(async () => {
  assert.equal(await host.close(), 0);
  assert.ok(count >= 200, `${count} requests`);
});

const issue = (grant) =>
  host.send({ cmd: 'issue', kind: 'guest', role: 'guest', session: 'CognitoIdentityCredentials', identityId: 'us-east-1:1', ...grant });

// A signer that can be told to do everything wrong.
function sign({ credentials, method = 'POST', path = '/', canonicalPath = path, query = '', body = '{}', date = DATE,
  day = date.slice(0, 8), region = REGION, service = 'cognito-idp', term = 'aws4_request', headers = {}, payload = hash(body), leave = [] }) {
  const all = { host: 'localhost:4443', 'x-amz-date': date, ...headers };
  if (credentials.sessionToken) all['x-amz-security-token'] = credentials.sessionToken;
  const names = Object.keys(all).filter((name) => !leave.includes(name)).sort();
  const canonical = [method, canonicalPath, query, ...names.map((name) => `${name}:${all[name]}`), '', names.join(';'), payload].join('\n');
  const scope = `${day}/${region}/${service}/${term}`;
  const text = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n');
  const signing = [day, region, service, term].reduce(hmac, `AWS4${credentials.secretAccessKey}`);
  const signature = createHmac('sha256', signing).update(text).digest('hex');
  all.authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { method, target: path + (query ? `?${query}` : ''), headers: Object.entries(all), body: base64(body) };
}

function presign({ credentials, expires = '900', date = DATE, service = 's3', path = '/b/k', method = 'GET', extra = [], drop = [], scope, signedHeaders = 'host', host: name = 'localhost:4443' }) {
  const day = date.slice(0, 8);
  const full = scope ?? `${day}/${REGION}/${service}/aws4_request`;
  const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const pairs = [['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'], ['X-Amz-Credential', `${credentials.accessKeyId}/${full}`], ['X-Amz-Date', date],
    ['X-Amz-Expires', expires], ['X-Amz-SignedHeaders', signedHeaders], ...extra];
  if (credentials.sessionToken) pairs.push(['X-Amz-Security-Token', credentials.sessionToken]);
  const kept = pairs.filter(([n]) => !drop.includes(n)).map(([n, v]) => [encode(n), encode(v)]);
  const query = kept.slice().sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1)).map((p) => p.join('=')).join('&');
  const canonical = [method, path, query, `host:${name}`, '', signedHeaders, 'UNSIGNED-PAYLOAD'].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, full, hash(canonical)].join('\n');
  const signing = [day, REGION, service, 'aws4_request'].reduce(hmac, `AWS4${credentials.secretAccessKey}`);
  const signature = createHmac('sha256', signing).update(text).digest('hex');
  return { method, target: `${path}?${query}&X-Amz-Signature=${signature}`, headers: [['Host', name]], body: '' };
}

const judge = (request, options) => host.send({ cmd: 'auth', words: 'json', service: 'cognito-idp', now: NOW, ...options, ...request });
const S3 = { words: 's3', service: 's3', s3: true };

async function refused(request, error, options = {}, status = options.words === 'rest' ? 403 : options.words === 's3' ? undefined : 400) {
  const answer = await judge(request, options);
  count++;
  assert.notEqual(answer.ok, true, `accepted: ${JSON.stringify(request)}`);
  const names = Array.isArray(error) ? error : [error];
  assert.ok(names.includes(answer.error), `${answer.error} (${answer.message}) instead of ${names}: ${JSON.stringify(request)}`);
  if (status !== undefined) assert.equal(answer.status, status);
  return answer;
}

const setHeader = (request, name, value) => ({ ...request, headers: [...request.headers.filter(([n]) => n !== name), ...(value === undefined ? [] : [[name, value]])] });
const authorization = (request) => request.headers.find(([n]) => n === 'authorization')[1];

test('the signer of this test is right', async () => {
  for (const credentials of [session, key]) {
    assert.equal((await judge(sign({ credentials }))).ok, true);
    assert.equal((await judge(sign({ credentials, service: 's3', method: 'GET', path: '/b/k', body: '', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, payload: 'UNSIGNED-PAYLOAD' }), S3)).ok, true);
    assert.equal((await judge(presign({ credentials }), S3)).ok, true);
  }
});

test('a byte changed anywhere', async () => {
  for (const credentials of [session, key]) {
    const good = sign({ credentials, headers: { 'content-type': 'application/json', 'x-amz-target': 'T.Op' }, query: 'a=1&b=2', body: '{"a":"b"}' });
    const mismatch = 'InvalidSignatureException';
    await refused({ ...good, method: 'PUT' }, mismatch);
    await refused({ ...good, target: '/x?a=1&b=2' }, mismatch);
    for (const query of ['a=1', 'a=1&b=3', 'a=1&b=2&c=3', 'a=1&b=2&b=2', 'b=2', '', 'A=1&b=2', 'a=%31%00&b=2', 'a=1&b=2%']) {
      await refused({ ...good, target: `/?${query}` }, mismatch);
    }
    for (const body of ['', '{"a":"c"}', '{"a":"b"} ', '{"a":"b"', '\0']) await refused({ ...good, body: base64(body) }, mismatch);
    for (const name of ['host', 'content-type', 'x-amz-target']) {
      const value = good.headers.find(([n]) => n === name)[1];
      for (const other of [value + 'x', value.slice(1), value.toUpperCase() === value ? value.toLowerCase() + '.' : value.toUpperCase(), '']) {
        await refused(setHeader(good, name, other), mismatch);
      }
      await refused(setHeader(good, name, undefined), mismatch);
    }
    await refused({ ...good, headers: [...good.headers, ['X-Amz-Target', 'T.Op']] }, mismatch);
    await refused({ ...good, headers: [...good.headers, ['Content-Type', 'text/plain']] }, mismatch);
    const text = authorization(good);
    const at = text.indexOf('Signature=') + 10;
    for (let i = 0; i < 64; i += 4) {
      const digit = (parseInt(text[at + i], 16) ^ 1).toString(16);
      await refused(setHeader(good, 'authorization', text.slice(0, at + i) + digit + text.slice(at + i + 1)), mismatch);
    }
    for (const signature of ['x', '0'.repeat(63), '0'.repeat(65), 'g'.repeat(64), '0'.repeat(64), `${text.slice(at)}00`]) {
      await refused(setHeader(good, 'authorization', text.slice(0, at) + signature), mismatch);
    }
  }
});

test('the message helps whoever debugs a script', async () => {
  const good = sign({ credentials: key });
  const answer = await refused({ ...good, method: 'PUT' }, 'InvalidSignatureException');
  assert.match(answer.message, /^The request signature we calculated does not match the signature you provided\./);
  assert.match(answer.message, /The Canonical String for this request should have been\n'PUT\n\/\n/);
  assert.match(answer.message, /The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20260203T040506Z\n/);
});

test('an Authorization header that is not whole', async () => {
  const good = sign({ credentials: session });
  const text = authorization(good);
  const scope = /Credential=([^,]*)/.exec(text)[1];
  const incomplete = 'IncompleteSignatureException';
  const broken = [
    text.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1'), text.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'), 'Bearer abc', 'AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA256 ',
    text.replace(/Credential=[^,]*, /, ''), text.replace(/SignedHeaders=[^,]*, /, ''), text.replace(/, Signature=.*/, ''), text.replace('Signature=', 'signature='),
    text + ', ' + text.slice(17), text.replace('Signature=', 'Signature=, X='), text.replaceAll(', ', ' '),
    text.replace(scope, scope.split('/')[0]), text.replace(scope, scope.split('/').slice(0, 4).join('/')), text.replace(scope, '/' + scope), text.replace(scope, '////'),
    text.replace(scope, ''), text.replace(scope, scope.replaceAll('/', '')), text.replace('host;', ''.concat('Host;')), text.replace('host;', ';host;'),
    text.replace('host;x-amz-date', 'x-amz-date;host'), text.replace('host;', 'host;host;'), text.replace('host;', 'ho st;'),
  ];
  for (const one of broken) await refused(setHeader(good, 'authorization', one), [incomplete, 'InvalidSignatureException']);
  for (let i = 17; i < text.length - 1; i += 9) {
    await refused(setHeader(good, 'authorization', text.slice(0, i)), [incomplete, 'InvalidSignatureException']);
  }
  await refused(setHeader(good, 'authorization', undefined), 'MissingAuthenticationTokenException');
  await refused(setHeader(good, 'authorization', ''), 'MissingAuthenticationTokenException');
  await refused(setHeader(good, 'x-amz-date', undefined), incomplete);
  for (const date of ['', '2026-02-03T04:05:06Z', '20260203T040506', '20261303T040506Z', '20260203T240506Z', '20260203T0405O6Z', '99999999T999999Z', 'Tue, 03 Feb 2026 04:05:06 GMT']) {
    await refused(sign({ credentials: session, date, day: '20260203' }), incomplete);
  }
  for (const name of ['authorization', 'x-amz-date', 'x-amz-security-token', 'host']) {
    const again = { ...good, headers: [...good.headers, [name, good.headers.find(([n]) => n === name)[1]]] };
    await refused(again, incomplete);
  }
});

test('what must be signed is signed', async () => {
  for (const credentials of [session, key]) {
    await refused(sign({ credentials, leave: ['host'] }), 'InvalidSignatureException');
    await refused(sign({ credentials, leave: ['x-amz-date'] }), 'InvalidSignatureException');
    await refused(sign({ credentials, headers: { 'x-amz-target': 'T.Op' }, leave: ['x-amz-target'] }), 'InvalidSignatureException');
    const s3 = { credentials, service: 's3', method: 'PUT', path: '/b/k', body: '', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-acl': 'public-read' }, payload: 'UNSIGNED-PAYLOAD' };
    await refused(sign({ ...s3, leave: ['x-amz-acl'] }), 'AccessDenied', S3, 403);
    const added = presign({ credentials, method: 'PUT' });
    added.headers.push(['X-Amz-Meta-Evil', '1']);
    await refused(added, 'AccessDenied', S3, 403);
  }
  await refused(sign({ credentials: session, leave: ['x-amz-security-token'] }), 'InvalidSignatureException');
});

test('the scope', async () => {
  for (const credentials of [session, key]) {
    for (const wrong of [{ service: 's3' }, { service: 'cognito-idpx' }, { service: '' }, { term: 'aws5_request' }, { term: '' }, { day: '20260204' }, { day: '' }, { day: '2026020' }]) {
      await refused(sign({ credentials, ...wrong }), 'InvalidSignatureException');
    }
    for (const wrong of [{ service: 'cognito-idp' }, { term: 'x' }, { day: '20260202' }]) {
      const request = { credentials, service: 's3', method: 'GET', path: '/b/k', body: '', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, payload: 'UNSIGNED-PAYLOAD' };
      await refused(sign({ ...request, ...wrong }), 'AuthorizationHeaderMalformed', S3, 400);
    }
  }
});

test('time', async () => {
  const at = (ms) => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');
  const minute = 60_000;
  for (const credentials of [session, key]) {
    for (const offset of [0, 14.9, -14.9]) {
      assert.equal((await judge(sign({ credentials, date: at(NOW + offset * minute) }))).ok, true);
    }
    for (const offset of [15.1, -15.1, 600, -600, 60 * 24 * 365 * 20, -60 * 24 * 365 * 20]) {
      const answer = await refused(sign({ credentials, date: at(NOW + offset * minute) }), 'InvalidSignatureException');
      assert.match(answer.message, offset < 0 ? /^Signature expired: / : /^Signature not yet current: /);
      const s3 = sign({ credentials, date: at(NOW + offset * minute), service: 's3', method: 'GET', path: '/b/k', body: '', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, payload: 'UNSIGNED-PAYLOAD' });
      await refused(s3, 'RequestTimeTooSkewed', S3, 403);
    }
    assert.equal((await judge(presign({ credentials, date: at(NOW - 899_000) }), S3)).ok, true);
    assert.equal((await judge(presign({ credentials, date: at(NOW + 299_000) }), S3)).ok, true);
    assert.equal((await judge(presign({ credentials: key, date: at(NOW - 604_799_000), expires: '604800' }), S3)).ok, true);
    await refused(presign({ credentials, date: at(NOW - 901_000) }), 'AccessDenied', S3, 403);
    await refused(presign({ credentials, date: at(NOW + 301_000) }), 'AccessDenied', S3, 403);
    for (const expires of ['0', '-1', '604801', '1e3', '', 'x', '99999999999999999999', '1.5', ' 5']) {
      await refused(presign({ credentials, expires }), 'AuthorizationQueryParametersError', S3, 400);
    }
  }
});

test('pre-signed URLs that were changed', async () => {
  for (const credentials of [session, key]) {
    const good = presign({ credentials, extra: [['response-content-type', 'text/plain']] });
    const mismatch = 'SignatureDoesNotMatch';
    await refused({ ...good, method: 'PUT' }, mismatch, S3, 403);
    await refused({ ...good, method: 'DELETE' }, mismatch, S3, 403);
    await refused({ ...good, target: good.target.replace('/b/k', '/b/other') }, mismatch, S3, 403);
    await refused({ ...good, target: good.target.replace('/b/k', '/b/k/') }, mismatch, S3, 403);
    await refused({ ...good, target: good.target.replace('/b/k', '/b//k') }, mismatch, S3, 403);
    await refused({ ...good, target: good.target.replace('text%2Fplain', 'text%2Fhtml') }, mismatch, S3, 403);
    await refused({ ...good, target: good.target + '&acl' }, mismatch, S3, 403);
    await refused({ ...good, target: good.target + '&X-Amz-Expires=604800' }, 'InvalidArgument', S3, 400);
    await refused({ ...good, target: good.target + '&X-Amz-Signature=' + '0'.repeat(64) }, 'InvalidArgument', S3, 400);
    await refused({ ...good, target: good.target.replace('X-Amz-Expires=900', 'X-Amz-Expires=9000') }, mismatch, S3, 403);
    await refused({ ...good, target: good.target.replace('X-Amz-Expires=900', 'x-amz-expires=900') }, 'AuthorizationQueryParametersError', S3, 400);
    await refused({ ...good, headers: [['Host', 'localhost:4444']] }, mismatch, S3, 403);
    await refused({ ...good, headers: [...good.headers, ['Authorization', 'AWS4-HMAC-SHA256 x']] }, 'InvalidArgument', S3, 400);
    for (const drop of ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-SignedHeaders']) {
      await refused(presign({ credentials, drop: [drop] }), 'AuthorizationQueryParametersError', S3, 400);
    }
    await refused({ ...good, target: good.target.replace(/&X-Amz-Signature=.*/, '') }, 'AuthorizationQueryParametersError', S3, 400);
    await refused(presign({ credentials, signedHeaders: 'hos' }), 'AccessDenied', S3, 403);
    await refused(presign({ credentials, scope: `20260203/${REGION}/s3\n/aws4_request` }), ['AuthorizationQueryParametersError'], S3, 400);
  }
  await refused(presign({ credentials: session, drop: ['X-Amz-Security-Token'] }), 'InvalidAccessKeyId', S3, 403);
});

test('payloads of S3', async () => {
  const put = (payload, body) => sign({ credentials: session, service: 's3', method: 'PUT', path: '/b/k', body, headers: { 'x-amz-content-sha256': payload }, payload });
  assert.equal((await judge(put(hash('abc'), 'abc'), S3)).ok, true);
  assert.equal((await judge(put('UNSIGNED-PAYLOAD', 'abc'), S3)).ok, true);
  assert.equal((await judge(put('STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'abc'), S3)).payload, 2);
  await refused(put(hash('abc'), 'abd'), 'XAmzContentSHA256Mismatch', S3, 400);
  await refused(put(hash(''), 'abd'), 'XAmzContentSHA256Mismatch', S3, 400);
  for (const payload of ['x', 'unsigned-payload', hash('abc').slice(1), `${hash('abc')}0`, 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD']) {
    await refused(put(payload, 'abc'), 'InvalidArgument', S3, 400);
  }
  await refused(sign({ credentials: session, service: 's3', method: 'PUT', path: '/b/k', body: 'abc' }), 'InvalidRequest', S3, 400);
  // Elsewhere the body is always covered.
  await refused(sign({ credentials: session, body: 'abc', payload: 'UNSIGNED-PAYLOAD', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }), 'InvalidSignatureException');
});

test('keys that are not there, tokens that are not ours', async () => {
  const wrong = [
    { ...key, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' }, { ...key, accessKeyId: key.accessKeyId.toLowerCase() }, { ...key, accessKeyId: 'x' }, { ...key, accessKeyId: 'AKIA' + 'A'.repeat(300) },
    { ...session, sessionToken: undefined }, { ...key, accessKeyId: "AKIA' OR 1=1 --xxxxx" },
  ];
  for (const credentials of wrong) {
    await refused(sign({ credentials }), 'UnrecognizedClientException');
    await refused(presign({ credentials }), 'InvalidAccessKeyId', S3, 403);
    await refused(sign({ credentials, service: 'appsync' }), 'UnrecognizedClientException', { words: 'rest', service: 'appsync' });
  }
  const other = await issue({ identityId: 'us-east-1:2' });
  const token = session.sessionToken;
  const tokens = [other.sessionToken, token.slice(1), token.slice(0, -4), 'x', '!', token + 'AAAA', 'A'.repeat(100_000), Buffer.from('{"k":3}').toString('base64')];
  for (let i = 0; i < token.length; i += 16) tokens.push(token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1));
  for (const sessionToken of tokens) {
    await refused(sign({ credentials: { ...session, sessionToken } }), 'UnrecognizedClientException');
    await refused(presign({ credentials: { ...session, sessionToken } }), 'InvalidToken', S3, 400);
  }
  await refused(sign({ credentials: { ...key, sessionToken: token } }), 'UnrecognizedClientException');
  await refused(sign({ credentials: { ...session, secretAccessKey: other.secretAccessKey } }), 'InvalidSignatureException');
  await refused(sign({ credentials: { ...key, secretAccessKey: session.secretAccessKey } }), 'InvalidSignatureException');
});

test('credentials that have ended', async () => {
  const short = await issue({ lifetime: 60 });
  const date = '20260203T040606Z';
  assert.equal((await judge(sign({ credentials: short, date }), { now: NOW + 59_999 })).ok, true);
  await refused(sign({ credentials: short, date }), 'ExpiredTokenException', { now: NOW + 60_000 });
  await refused(sign({ credentials: short, date, service: 'appsync' }), 'ExpiredTokenException', { now: NOW + 60_000, words: 'rest', service: 'appsync' });
  await refused(presign({ credentials: short }), 'ExpiredToken', { ...S3, now: NOW + 60_000 }, 400);
  await host.send({ cmd: 'now', ms: NOW });
  const gone = await host.send({ cmd: 'key' });
  const credentials = { accessKeyId: gone.id, secretAccessKey: gone.secret };
  assert.equal((await judge(sign({ credentials }))).ok, true);
  assert.equal(await host.send({ cmd: 'deleteKey', id: gone.id }), true);
  await refused(sign({ credentials }), 'UnrecognizedClientException');
  assert.equal((await host.send({ cmd: 'deleteKey', id: gone.id })).error, 'ResourceNotFoundException');

  const one = await issue({ identityId: 'us-east-1:revoked', role: 'readers' });
  assert.equal((await judge(sign({ credentials: one }))).ok, true);
  await host.send({ cmd: 'revoke', subject: 'us-east-1:revoked', notBefore: NOW + 1 });
  await refused(sign({ credentials: one }), 'ExpiredTokenException');
  assert.equal((await judge(sign({ credentials: session }))).ok, true);
  await host.send({ cmd: 'now', ms: NOW + 1 });
  const later = await issue({ identityId: 'us-east-1:revoked', role: 'readers' });
  assert.equal((await judge(sign({ credentials: later }))).ok, true);
  await host.send({ cmd: 'revoke', subject: 'us-east-1:revoked', notBefore: NOW - 5 }); // an older one changes nothing
  await refused(sign({ credentials: one }), 'ExpiredTokenException');
  await host.send({ cmd: 'revoke', subject: 'role/readers', notBefore: NOW + 2 });
  await refused(sign({ credentials: later }), 'ExpiredTokenException');
});
