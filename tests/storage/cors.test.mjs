// CORS as browsers see it: preflight requests and answers, by the rules that were put or defined.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DeleteBucketCorsCommand, GetBucketCorsCommand, PutBucketCorsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { refused, startStorage } from './lib.mjs';

let storage;
let s3;
let key;
before(async () => {
  storage = await startStorage('cors');
  key = await storage.key();
  s3 = await storage.s3();
  for (const name of ['files', 'site', 'added']) {
    await s3.send(new PutObjectCommand({ Bucket: storage.bucket(name), Key: 'public/a', Body: 'abc' }));
  }
});
after(() => storage.end());

const APP = 'https://app.example.com';
const rules = (name, CORSRules) =>
  s3.send(new PutBucketCorsCommand({ Bucket: storage.bucket(name), CORSConfiguration: { CORSRules } }));

/** What a browser asks before; `host` leads it there by name. */
function preflight(name, origin, method, headers, { path = `/${storage.bucket(name)}/public/a`, host } = {}) {
  return storage.send({
    method: 'OPTIONS', path,
    headers: {
      ...(host && { host }), ...(origin && { origin }), ...(method && { 'access-control-request-method': method }),
      ...(headers && { 'access-control-request-headers': headers }),
    },
  });
}
const get = (name, origin, path = `/${storage.bucket(name)}/public/a`) =>
  storage.signed(key, { method: 'GET', path, headers: { ...(origin && { origin }) } });

/** The headers of CORS, by the rest of their names. */
const cors = ({ headers }) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')).map(([name, value]) => [name.slice(15), value]));
const VARY = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method';

test('a bucket without rules is open, as Amplify makes it', async () => {
  const asked = await preflight('files', APP, 'PUT', 'x-amz-date,authorization');
  assert.equal(asked.status, 204);
  assert.deepEqual([asked.headers['access-control-allow-origin'], asked.headers['access-control-allow-headers']], ['*', 'x-amz-date,authorization']);
  assert.equal((await get('files', APP)).headers['access-control-allow-origin'], '*');
  const { CORSRules } = await s3.send(new GetBucketCorsCommand({ Bucket: storage.bucket('files') }));
  assert.deepEqual(CORSRules[0].AllowedOrigins, ['*']);
});

test('a rule that was put: origin, method, headers', async () => {
  await rules('files', [
    { AllowedOrigins: [APP], AllowedMethods: ['GET', 'HEAD'], ExposeHeaders: ['ETag', 'x-amz-meta-name'], MaxAgeSeconds: 77 },
    { AllowedOrigins: ['http://localhost:*', 'https://*.example.org'], AllowedMethods: ['PUT'], AllowedHeaders: ['x-amz-*', 'Authorization'] },
  ]);
  const allowed = await preflight('files', APP, 'GET');
  assert.equal(allowed.status, 200);
  assert.deepEqual(cors(allowed), {
    'allow-origin': APP, 'allow-credentials': 'true', 'allow-methods': 'GET, HEAD', 'expose-headers': 'ETag, x-amz-meta-name', 'max-age': '77',
  });
  assert.equal(allowed.headers.vary, VARY);
  const put = await preflight('files', 'http://localhost:5173', 'PUT', 'X-AMZ-Date, authorization');
  assert.deepEqual([put.status, cors(put)], [200, {
    'allow-origin': 'http://localhost:5173', 'allow-credentials': 'true', 'allow-methods': 'PUT', 'allow-headers': 'X-AMZ-Date, authorization',
  }]);
  for (const [origin, method, headers] of [
    ['https://app.example.com.evil.test', 'GET'], ['http://app.example.com', 'GET'], ['https://APP.example.com', 'GET'], ['null', 'GET'],
    [APP, 'PUT'], [APP, 'DELETE'], [APP, 'GET', 'x-amz-date'],
    ['https://example.org', 'PUT'], ['https://.example.org.evil', 'PUT'], ['http://localhost:5173', 'PUT', 'x-amz-date, content-type'],
  ]) {
    const refusal = await preflight('files', origin, method, headers);
    const what = `${origin} ${method} ${headers}`;
    assert.deepEqual([refusal.status, refusal.code, cors(refusal)], [403, 'AccessForbidden', {}], what);
    assert.match(String(refusal.body), /<Message>CORSResponse: This CORS request is not allowed\. .*<ResourceType>OBJECT<\/ResourceType>/, what);
  }
  assert.equal((await preflight('files', 'https://a.b.example.org', 'PUT')).status, 200);
});

test('answers: of the rule that matches, and of none', async () => {
  const seen = await get('files', APP);
  assert.equal(seen.status, 200);
  assert.deepEqual(cors(seen), {
    'allow-origin': APP, 'allow-credentials': 'true', 'allow-methods': 'GET, HEAD', 'expose-headers': 'ETag, x-amz-meta-name', 'max-age': '77',
  });
  assert.equal(seen.headers.vary, VARY);
  for (const origin of ['https://other.example.com', undefined]) {
    const plain = await get('files', origin);
    assert.deepEqual([plain.status, String(plain.body), cors(plain), plain.headers.vary], [200, 'abc', {}, VARY]);
  }
  const missing = await get('files', APP, `/${storage.bucket('files')}/public/none`);
  assert.deepEqual([missing.status, missing.headers['access-control-allow-origin']], [404, APP], 'errors can be read as well');
  const forbidden = await storage.send({ method: 'GET', path: `/${storage.bucket('files')}/public/a`, headers: { origin: APP } });
  assert.deepEqual([forbidden.status, forbidden.headers['access-control-allow-origin']], [403, APP]);
});

test('any origin: without credentials', async () => {
  await rules('files', [{ AllowedOrigins: ['*'], AllowedMethods: ['GET'], AllowedHeaders: ['*'] }]);
  assert.deepEqual(cors(await preflight('files', APP, 'GET', 'anything, x-y')), {
    'allow-origin': '*', 'allow-methods': 'GET', 'allow-headers': 'anything, x-y',
  });
  assert.deepEqual(cors(await get('files', APP)), { 'allow-origin': '*', 'allow-methods': 'GET' });
});

test('by host as by path; other buckets and services are as before', async () => {
  const host = `${storage.bucket('files')}.s3.localhost:${storage.port}`;
  assert.equal((await preflight('files', APP, 'PUT', undefined, { host, path: '/public/a' })).status, 403);
  assert.equal((await preflight('files', APP, 'GET', undefined, { host, path: '/public/a' })).status, 200);
  assert.match(String((await preflight('files', APP, 'PUT', undefined, { path: `/${storage.bucket('files')}` })).body), /<ResourceType>BUCKET</);
  const plain = { host: `localhost:${storage.port}` };
  assert.equal((await preflight('files', APP, 'PUT', undefined, plain)).status, 403);
  assert.equal((await preflight('files', APP, 'PUT', undefined, { ...plain, path: '/graphql' })).status, 204);
  assert.equal((await preflight('added', APP, 'PUT', 'x-amz-date')).status, 200, 'the rule of Amplify\'s construct stands before added ones');
});

test('what is no preflight request', async () => {
  const lacking = await preflight('files', undefined, 'GET');
  assert.deepEqual([lacking.status, lacking.code], [400, 'BadRequest']);
  assert.match(String(lacking.body), /Insufficient information\. Origin request header needed\./);
  for (const method of [undefined, 'PATCH']) {
    const bad = await preflight('files', APP, method);
    assert.deepEqual([bad.status, bad.code], [400, 'BadRequest']);
  }
});

test('rules of the definitions', async () => {
  assert.deepEqual(cors(await preflight('site', APP, 'GET')), {
    'allow-origin': APP, 'allow-credentials': 'true', 'allow-methods': 'GET', 'expose-headers': 'ETag, x-amz-meta-name', 'max-age': '600',
  });
  assert.equal((await preflight('site', APP, 'PUT', 'x-amz-date, content-type')).status, 200);
  assert.equal((await preflight('site', APP, 'DELETE')).status, 403);
  assert.equal((await preflight('site', 'https://evil.test', 'GET')).status, 403);
  const { CORSRules } = await s3.send(new GetBucketCorsCommand({ Bucket: storage.bucket('site') }));
  assert.deepEqual(CORSRules[0], { AllowedMethods: ['GET'], AllowedOrigins: [APP], ExposeHeaders: ['ETag', 'x-amz-meta-name'], MaxAgeSeconds: 600 });
  await rules('site', [{ AllowedOrigins: ['https://evil.test'], AllowedMethods: ['GET'] }]);
  assert.equal((await preflight('site', 'https://evil.test', 'GET')).status, 200, 'what is put wins');
});

test('rules that were deleted leave nothing open; all of it outlives a restart', async () => {
  await s3.send(new DeleteBucketCorsCommand({ Bucket: storage.bucket('files') }));
  const check = async () => {
    const closed = await preflight('files', APP, 'GET');
    assert.deepEqual([closed.status, closed.code], [403, 'AccessForbidden']);
    assert.match(String(closed.body), /CORSResponse: CORS is not enabled for this bucket\./);
    const seen = await get('files', APP);
    assert.deepEqual([seen.status, cors(seen)], [200, {}]);
  };
  await check();
  storage = await storage.restart();
  s3 = await storage.s3();
  await check();
  assert.equal((await preflight('site', 'https://evil.test', 'GET')).status, 200);
});

test('rules that cannot be', async () => {
  for (const [rule, words] of [
    [{ AllowedOrigins: ['https://*.*.test'], AllowedMethods: ['GET'] }, /AllowedOrigin "https:\/\/\*\.\*\.test" can not have more than one wildcard\./],
    [{ AllowedOrigins: ['*'], AllowedMethods: ['GET'], AllowedHeaders: ['x-*-*'] }, /AllowedHeader "x-\*-\*" can not have more than one wildcard\./],
    [{ AllowedOrigins: ['*'], AllowedMethods: ['GET'], ExposeHeaders: ['x-*'] }, /ExposeHeader "x-\*" contains wildcard/],
    [{ AllowedOrigins: ['*'], AllowedMethods: ['OPTIONS'] }, /Unsupported method is OPTIONS/],
  ]) {
    await refused(rules('files', [rule]), 'InvalidRequest', words);
  }
});
