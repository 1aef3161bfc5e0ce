// The official signers, old and new, against the verifier: what they send over the wire is taken
// down by a server and handed on as it came.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Readable } from 'node:stream';
import { signRequest, presignUrl } from '@aws-amplify/core/internals/aws-client-utils';
import { Sha256 } from '@aws-crypto/sha256-js';
import { AdminGetUserCommand, CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import {
  DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SignatureV4 } from '@smithy/signature-v4';
import aws4 from 'aws4';
import { Host } from './host.mjs';

let host;
let server;
let port;
let credentials; // temporary
let key; // of a script
const seen = []; // requests that came

// What the service would answer does not matter; clients are told to go no further.
const record = (req, res) => {
  const parts = [];
  req.on('data', (part) => parts.push(part));
  req.on('end', () => {
    const headers = [];
    for (let i = 0; i < req.rawHeaders.length; i += 2) headers.push([req.rawHeaders[i], req.rawHeaders[i + 1]]);
    seen.push({ method: req.method, target: req.url, headers, body: Buffer.concat(parts).toString('base64') });
    res.writeHead(400, { 'content-type': 'application/json' }).end('{}');
  });
};

before(async () => {
  host = await Host.start();
  server = createServer(record);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = server.address().port;
  const issued = await host.send({
    cmd: 'issue', kind: 'authenticated', role: 'authRole', session: 'CognitoIdentityCredentials',
    identityId: 'us-east-1:5f6b0a3e-1111-4222-8333-444455556666', identityPoolId: 'us-east-1:pool',
  });
  credentials = { ...issued, expires: undefined };
  const made = await host.send({ cmd: 'key' });
  key = { accessKeyId: made.id, secretAccessKey: made.secret };
});

after(async () => {
  server.closeAllConnections();
  server.close();
  assert.equal(await host.close(), 0);
});

const judge = (request, options) => host.send({ cmd: 'auth', words: 'json', s3: false, ...options, ...request });

async function accepted(send, options) {
  seen.length = 0;
  await send().catch(() => {});
  assert.equal(seen.length, 1);
  const answer = await judge(seen[0], options);
  assert.equal(answer.error, undefined, answer.message);
  return { request: seen[0], answer };
}

const s3 = { s3: true, words: 's3', service: 's3' };
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const KEYS = ['plain.txt', 'a b/ü+é.txt', "!'()*~&=%25$@,;:?#.bin", '日本/x//y', 'dots/../up/./x'];

for (const which of ['temporary', 'long-term']) {
  const client = (Client, options) =>
    new Client({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${port}`,
      credentials: which === 'temporary' ? credentials : key,
      maxAttempts: 1,
      ...options,
    });

  test(`SDK clients with ${which} keys`, async () => {
    const cognito = client(CognitoIdentityProviderClient);
    const { answer } = await accepted(
      () => cognito.send(new AdminGetUserCommand({ UserPoolId: 'us-east-1_x', Username: 'zoë' })),
      { service: 'cognito-idp' },
    );
    assert.equal(answer.principal.kind, which === 'temporary' ? 'authenticated' : 'key');
    const storage = client(S3Client, { forcePathStyle: true });
    for (const Key of KEYS) {
      await accepted(() => storage.send(new GetObjectCommand({ Bucket: 'b', Key })), s3);
      const put = new PutObjectCommand({ Bucket: 'b', Key, Body: 'hello', Metadata: { who: 'a  b' } });
      await accepted(() => storage.send(put), s3);
    }
    const list = new ListObjectsV2Command({ Bucket: 'b', Prefix: 'a b/+&=', Delimiter: '/', MaxKeys: 3 });
    await accepted(() => storage.send(list), s3);
    const remove = new DeleteObjectsCommand({ Bucket: 'b', Delete: { Objects: [{ Key: 'x' }] } });
    await accepted(() => storage.send(remove), s3);
    const stream = new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: Readable.from([Buffer.from('abc')]), ContentLength: 3 });
    await accepted(() => storage.send(stream), s3);
  });

  test(`the SDK's pre-signed URLs with ${which} keys`, async () => {
    const storage = client(S3Client, { forcePathStyle: true });
    for (const Key of KEYS) {
      for (const command of [new GetObjectCommand({ Bucket: 'b', Key, ResponseContentType: 'text/plain; x="y z"' }), new PutObjectCommand({ Bucket: 'b', Key })]) {
        const url = await getSignedUrl(storage, command, { expiresIn: 300 });
        const target = url.slice(url.indexOf('/', 8));
        const method = command instanceof GetObjectCommand ? 'GET' : 'PUT';
        const request = { method, target, headers: [['Host', `127.0.0.1:${port}`]], body: '' };
        const answer = await judge(request, s3);
        assert.equal(answer.error, undefined, answer.message);
        const late = await judge({ ...request, now: Date.now() + 301_000 }, s3);
        assert.deepEqual([late.error, late.status, late.message], ['AccessDenied', 403, 'Request has expired']);
        await host.send({ cmd: 'now', ms: 0 });
      }
    }
  });
}

test("Amplify's signer: API, storage's odd region, and pre-signed", async () => {
  const region = `localhost:${port}#`;
  for (const path of ['/graphql', '/items/a%20b/%C3%A9?x=1&y=a%20b&y=A&z=', "/it!'()*ems/x?q=*'", '/']) {
    const url = new URL(path, `http://localhost:${port}`);
    const signed = signRequest(
      { method: 'POST', url, headers: { 'content-type': 'application/json', host: url.host }, body: '{"a":"é"}' },
      { credentials, signingRegion: 'eu-west-3', signingService: 'execute-api' },
    );
    const request = {
      method: 'POST', target: url.pathname + url.search, headers: Object.entries(signed.headers),
      body: Buffer.from('{"a":"é"}').toString('base64'),
    };
    const answer = await judge(request, { words: 'rest', service: 'execute-api' });
    assert.equal(answer.error, undefined, answer.message);
    assert.equal(answer.region, 'eu-west-3');
  }
  for (const key of KEYS) {
    const path = '/app.files/' + key.split('/').map((part) => encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join('/');
    const url = new URL(`http://s3.localhost:${port}`);
    url.pathname = path;
    const options = { credentials, signingRegion: region, signingService: 's3', uriEscapePath: false };
    const signed = signRequest({ method: 'GET', url, headers: { 'x-amz-content-sha256': EMPTY } }, options);
    const request = { method: 'GET', target: url.pathname + url.search, headers: Object.entries(signed.headers), body: '' };
    const answer = await judge(request, s3);
    assert.equal(answer.error, undefined, answer.message);
    assert.equal(answer.region, region);
    const presigned = presignUrl({ method: 'GET', url, body: 'UNSIGNED-PAYLOAD' }, { ...options, expiration: 900 });
    const other = { method: 'GET', target: presigned.pathname + presigned.search, headers: [['host', url.host]], body: '' };
    const second = await judge(other, s3);
    assert.equal(second.error, undefined, second.message);
    assert.equal(second.region, region);
  }
});

test('@smithy/signature-v4 with odd headers, queries and paths', async () => {
  const signer = new SignatureV4({ credentials, region: 'r/with/slashes', service: 'lambda', sha256: Sha256 });
  const PATHS = ['/', '/2015-03-31/functions/f/invocations', '/a/../b/./c//d/', '/%C3%BC%20x', "/x!'()*y"];
  for (const path of PATHS) {
    const signed = await signer.sign({
      method: 'POST', protocol: 'http:', hostname: '127.0.0.1', port, path,
      query: { b: ['2', '1', ''], a: 'ü &=', 'c-d': '', 'c.d': 'x' },
      headers: { host: `127.0.0.1:${port}`, 'x-odd': '  a   b  ', 'user-agent': 'unsigned', 'x-amz-invocation-type': 'Event' },
      body: 'payload',
    });
    const escape = (text) => encodeURIComponent(text);
    const target = `${path}?b=2&b=1&b=&a=${escape('ü &=')}&c-d=&c.d=x`;
    const answer = await judge(
      { method: 'POST', target, headers: Object.entries(signed.headers), body: Buffer.from('payload').toString('base64') },
      { words: 'rest', service: 'lambda' },
    );
    assert.equal(answer.error, undefined, answer.message);
    assert.equal(answer.region, 'r/with/slashes');
  }
});

test('aws4, which signs on its own', async () => {
  const cases = [
    { service: 'dynamodb', path: '/', method: 'POST', body: '{}', headers: { 'X-Amz-Target': 'DynamoDB_20120810.GetItem' } },
    { service: 's3', path: '/b/a%20b?list-type=2&prefix=x%2Fy', method: 'GET' },
    { service: 's3', path: '/b/k?X-Amz-Expires=60', method: 'GET', signQuery: true },
  ];
  for (const one of cases) {
    const signed = aws4.sign({ ...one, host: `127.0.0.1:${port}`, region: 'us-east-1' }, credentials);
    const body = Buffer.from(one.body ?? '').toString('base64');
    const request = { method: one.method, target: signed.path, headers: Object.entries(signed.headers), body };
    const answer = await judge(request, one.service === 's3' ? s3 : { service: one.service });
    assert.equal(answer.error, undefined, answer.message);
  }
});

test('botocore, where Python has it', async (t) => {
  const program = `
import json, sys
import botocore.auth as auth, botocore.awsrequest as awsrequest, botocore.credentials as credentials
given = json.load(sys.stdin)
keys = credentials.Credentials(given['accessKeyId'], given['secretAccessKey'], given['sessionToken'])
out = []
for kind, method, url, data in given['cases']:
    signer = {'s3': lambda: auth.S3SigV4Auth(keys, 's3', 'us-east-1'),
        'query': lambda: auth.S3SigV4QueryAuth(keys, 's3', 'us-east-1', expires=60),
        'json': lambda: auth.SigV4Auth(keys, 'cognito-idp', 'us-east-1')}[kind]()
    request = awsrequest.AWSRequest(method=method, url=url, data=data, headers={'X-Amz-Meta-A': ' b   c '})
    signer.add_auth(request)
    prepared = request.prepare()
    out.append([kind, method, prepared.url, list(prepared.headers.items()), data])
print(json.dumps(out, default=lambda b: b.decode()))
`;
  const run = promisify(execFile);
  try {
    await run('python3', ['-c', 'import botocore.auth']);
  } catch {
    return t.skip('python3-botocore is not installed');
  }
  const base = `http://127.0.0.1:${port}`;
  const cases = [
    ['s3', 'PUT', `${base}/b/a%20b/%C3%BC~x`, 'body'], ['s3', 'GET', `${base}/b/k?list-type=2&prefix=a%2Fb`, ''],
    ['query', 'GET', `${base}/b/a%20b`, ''], ['json', 'POST', `${base}/`, '{"a":1}'],
    ['json', 'POST', `${base}/a/../b//c%20d/`, 'x'],
  ];
  const child = run('python3', ['-c', program]);
  child.child.stdin.end(JSON.stringify({ ...credentials, cases }));
  for (const [kind, method, url, headers, body] of JSON.parse((await child).stdout)) {
    if (!headers.some(([name]) => name.toLowerCase() === 'host')) headers.push(['Host', `127.0.0.1:${port}`]);
    const request = { method, target: url.slice(base.length), headers, body: Buffer.from(body).toString('base64') };
    const answer = await judge(request, kind === 'json' ? { service: 'cognito-idp' } : s3);
    assert.equal(answer.error, undefined, `${kind} ${url}: ${answer.message}`);
  }
});
