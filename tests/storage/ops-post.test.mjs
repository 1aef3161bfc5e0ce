// Uploads by a browser's form with a signed policy.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { GetObjectCommand, GetObjectTaggingCommand } from '@aws-sdk/client-s3';
import { refused, startStorage } from './lib.mjs';

let storage;
let s3;
let key;
let Bucket;
before(async () => {
  storage = await startStorage('files');
  s3 = await storage.s3();
  key = await storage.key();
  Bucket = storage.bucket('files');
});
after(() => storage.end());

const hmac = (secret, text) => createHmac('sha256', secret).update(text).digest();
const idOf = ({ accessKeyId, id }) => accessKeyId ?? id;
const secretOf = ({ secretAccessKey, secret }) => secretAccessKey ?? secret;

/** Fields of a form that meets the conditions, signed. */
function sign(fields, conditions, { credentials = key, expires = Date.now() + 60_000, damage = (text) => text } = {}) {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const all = {
    ...fields, 'x-amz-algorithm': 'AWS4-HMAC-SHA256', 'x-amz-credential': `${idOf(credentials)}/${scope}`, 'x-amz-date': date,
    ...(credentials.sessionToken ? { 'x-amz-security-token': credentials.sessionToken } : {}),
  };
  const own = Object.entries(all).filter(([name]) => name.startsWith('x-amz-') && !(name in fields)).map(([name, value]) => ({ [name]: value }));
  const policy = Buffer.from(JSON.stringify({ expiration: new Date(expires).toISOString(), conditions: [...conditions, ...own] })).toString('base64');
  let secret = `AWS4${secretOf(credentials)}`;
  for (const part of scope.split('/')) secret = hmac(secret, part);
  return { ...all, policy: damage(policy), 'x-amz-signature': hmac(secret, policy).toString('hex') };
}

async function post(fields, file, { name = 'a.bin', type = 'application/octet-stream', bucket = Bucket } = {}) {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) for (const one of [value].flat()) form.append(field, one);
  if (file !== undefined) form.append('file', new Blob([file], { type }), name);
  const answer = await fetch(`${storage.origin.replace('localhost', '127.0.0.1')}/${bucket}`, { method: 'POST', body: form, redirect: 'manual' });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1] };
}
const read = async (Key) => {
  const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return { ...got, bytes: Buffer.from(await got.Body.transformToByteArray()) };
};

for (const size of [0, 1, 60_000, 70_001, 3_000_000]) {
  test(`a form with a file of ${size} bytes`, async () => {
    const file = randomBytes(size);
    const fields = sign({ key: `forms/${size}`, 'Content-Type': 'image/png', 'x-amz-meta-a': 'b', 'Cache-Control': 'no-cache' },
      [{ bucket: Bucket }, ['starts-with', '$key', 'forms/'], ['eq', '$Content-Type', 'image/png'], ['starts-with', '$x-amz-meta-a', ''], { 'cache-control': 'no-cache' }]);
    const { status, headers, text } = await post(fields, file);
    assert.equal(status, 204, text);
    const got = await read(`forms/${size}`);
    assert.ok(file.equals(got.bytes));
    assert.deepEqual([got.ETag, got.ContentType, got.Metadata, got.CacheControl], [headers.get('etag'), 'image/png', { a: 'b' }, 'no-cache']);
  });
}

test('bytes that look like the boundary', async () => {
  const file = Buffer.concat(Array.from({ length: 3000 }, (_, i) => Buffer.from(`\r\n--${i % 3 === 0 ? '-' : ''}\r\n-`)));
  const { status } = await post(sign({ key: 'forms/lines' }, [{ key: 'forms/lines' }]), file);
  assert.equal(status, 204);
  assert.ok(file.equals((await read('forms/lines')).bytes));
});

test('the name of the file, the answer asked for, tags', async () => {
  const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>';
  const made = await post(sign({ key: 'up/${filename}', success_action_status: '201', tagging },
    [['starts-with', '$key', 'up/'], { success_action_status: '201' }, ['starts-with', '$tagging', '']]), 'x', { name: 'C:\\x\\photo 1.png' });
  assert.equal(made.status, 201, made.text);
  assert.match(made.text, /<Key>up\/photo 1.png<\/Key>/);
  assert.deepEqual((await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'up/photo 1.png' }))).TagSet, [{ Key: 'a', Value: '1' }]);
  const redirect = 'https://example.com/done?x=1';
  const gone = await post(sign({ key: 'up/r', success_action_redirect: redirect }, [{ key: 'up/r' }, { success_action_redirect: redirect }]), 'x');
  assert.equal(gone.status, 303);
  assert.match(gone.headers.get('location'), /^https:\/\/example.com\/done\?x=1&bucket=.*&key=up%2Fr&etag=%22[0-9a-f]{32}%22$/);
});

test('what the policy does not allow', async () => {
  const any = [['starts-with', '$key', 'ok/']];
  const cases = [
    ['another key', sign({ key: 'no/x' }, any), 'x', 'AccessDenied'],
    ['a field of which it says nothing', sign({ key: 'ok/x', 'x-amz-meta-a': '1' }, any), 'x', 'AccessDenied'],
    ['another value', sign({ key: 'ok/x', 'Content-Type': 'a/b' }, [...any, ['eq', '$content-type', 'a/c']]), 'x', 'AccessDenied'],
    ['another bucket', sign({ key: 'ok/x' }, [...any, { bucket: 'other' }]), 'x', 'AccessDenied'],
    ['its time', sign({ key: 'ok/x' }, any, { expires: Date.now() - 1000 }), 'x', 'AccessDenied'],
    ['too large', sign({ key: 'ok/x' }, [...any, ['content-length-range', 1, 5]]), '123456', 'EntityTooLarge'],
    ['too large, a file', sign({ key: 'ok/x' }, [...any, ['content-length-range', 1, 100_000]]), 'x'.repeat(200_000), 'EntityTooLarge'],
    ['too small', sign({ key: 'ok/x' }, [...any, ['content-length-range', 2, 5]]), '1', 'EntityTooSmall'],
    ['a changed policy', sign({ key: 'ok/x' }, any, { damage: (text) => Buffer.from(Buffer.from(text, 'base64').toString().replace('ok/', '')).toString('base64') }), 'x', 'SignatureDoesNotMatch'],
    ['no such key', sign({ key: 'ok/x' }, any, { credentials: { id: 'AKIAIOSFODNN7EXAMPLE', secret: 'x' } }), 'x', 'InvalidAccessKeyId'],
    ['no file', sign({ key: 'ok/x' }, any), undefined, 'InvalidArgument'],
    ['no key', sign({}, any), 'x', 'InvalidArgument'],
    ['a field twice', { ...sign({ key: 'ok/x', 'x-amz-meta-a': '1' }, [...any, { 'x-amz-meta-a': '1' }]), 'x-amz-meta-a': ['1', '2'] }, 'x', 'InvalidArgument'],
    ['no policy', { key: 'ok/x' }, 'x', 'AccessDenied'],
    ['a bad condition', sign({ key: 'ok/x' }, [...any, ['like', '$key', 'x']]), 'x', 'InvalidPolicyDocument'],
    ['many bytes before the file', sign({ key: 'ok/x', 'x-ignore-a': 'x'.repeat(30_000) }, any), 'x', 'MaxPostPreDataLengthExceededError'],
  ];
  for (const [what, fields, file, code] of cases) {
    const answer = await post(fields, file);
    assert.equal(answer.code, code, `${what}: ${answer.status} ${answer.text}`);
  }
  await refused(s3.send(new GetObjectCommand({ Bucket, Key: 'ok/x' })), 'NoSuchKey');
  const { status } = await post(sign({ key: 'ok/x', 'x-ignore-this': '1' }, [...any, ['content-length-range', 2, 5]]), '12345');
  assert.equal(status, 204);
});

test('the signer needs the right to write, on a path of its own', async () => {
  const reader = await storage.key('s3:GetObject');
  assert.equal((await post(sign({ key: 'ok/y' }, [{ key: 'ok/y' }], { credentials: reader }), 'x')).code, 'AccessDenied');
  const { credentials } = await storage.guest();
  assert.equal((await post(sign({ key: 'inbox/y' }, [{ key: 'inbox/y' }], { credentials }), 'x')).status, 204);
  assert.equal((await post(sign({ key: 'public/y' }, [{ key: 'public/y' }], { credentials }), 'x')).code, 'AccessDenied');
});
