// Requests of official signers, recorded with their canonical requests and signatures.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Host, base64, timeOf } from './host.mjs';

const file = JSON.parse(await readFile(new URL('./sigv4-vectors.json', import.meta.url)));
let host;

before(async () => (host = await Host.start()));
after(async () => assert.equal(await host.close(), 0));

for (const vector of file.vectors) {
  test(vector.name, async () => {
    const date = /^(\d{8}T\d{6}Z)$/m.exec(vector.string_to_sign)[1];
    const s3 = vector.service_style === 's3';
    const answer = await host.send({
      cmd: 'check',
      method: vector.method,
      target: vector.request_target,
      headers: Object.entries(vector.headers),
      body: vector.body_base64 ?? base64(vector.body),
      secret: file.credentials.secretAccessKey,
      now: timeOf(date),
      words: s3 ? 's3' : 'json',
      s3,
    });
    assert.equal(answer.error, undefined, answer.message);
    assert.equal(answer.canonical, vector.canonical_request);
    assert.equal(answer.stringToSign, vector.string_to_sign);
    assert.equal(answer.signingKey, vector.signing_key_hex);
  });
}

test('the published example of signed chunks', async () => {
  const { streaming_signed_payload: example } = file;
  const [, target, , ...lines] = example.canonical_request.split('\n');
  const end = lines.indexOf('');
  const headers = lines.slice(0, end).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
  headers.push(['Authorization', `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${lines[end + 1]},Signature=${example.seed_signature}`]);
  const chunk = (size, signature) => [Buffer.alloc(size, 'a').toString('base64'), signature];
  const signatures = example.chunks.map((one) => one.chunk_signature);
  const good = [chunk(65536, signatures[0]), chunk(1024, signatures[1]), chunk(0, signatures[2])];
  const request = {
    cmd: 'check', method: 'PUT', target, headers, body: '', words: 's3', s3: true,
    secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', now: timeOf('20130524T000000Z'),
  };
  const answer = await host.send(request);
  assert.equal(answer.error, undefined, answer.message);
  assert.equal(answer.payload, 3);
  assert.equal(answer.signingKey, example.signing_key_hex);
  assert.deepEqual(await host.send({ cmd: 'chunks', chunks: good }), [true, true, true]);
  const swapped = [good[1], good[0], good[2]];
  assert.deepEqual((await host.send({ cmd: 'chunks', chunks: swapped }))[0], false);
  const changed = [good[0], chunk(1023, signatures[1]), good[2]];
  assert.deepEqual(await host.send({ cmd: 'chunks', chunks: changed }), [true, false, false]);
  assert.deepEqual(await host.send({ cmd: 'chunks', chunks: [good[0], good[2]] }), [true, false]);
});

test('the published example of signed chunks with a signed trailer', async () => {
  const signatures = {
    seed: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    chunks: [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ],
    trailer: 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
  };
  const headers = [
    ['Content-Encoding', 'aws-chunked'], ['Host', 's3.amazonaws.com'],
    ['x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'], ['x-amz-date', '20130524T000000Z'],
    ['x-amz-decoded-content-length', '66560'], ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    ['x-amz-trailer', 'x-amz-checksum-crc32c'],
  ];
  const names = headers.map(([name]) => name.toLowerCase()).sort().join(';');
  headers.push(['Authorization', `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${names},Signature=${signatures.seed}`]);
  const answer = await host.send({
    cmd: 'check', method: 'PUT', target: '/examplebucket/chunkObject.txt', headers, body: '', words: 's3', s3: true,
    secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', now: timeOf('20130524T000000Z'),
  });
  assert.equal(answer.error, undefined, answer.message);
  assert.equal(answer.payload, 4);
  const chunks = [65536, 1024, 0].map((size, i) => [Buffer.alloc(size, 'a').toString('base64'), signatures.chunks[i]]);
  const trailer = ['x-amz-checksum-crc32c:sOO8/Q==\n', signatures.trailer];
  assert.deepEqual(await host.send({ cmd: 'chunks', chunks, trailer }), [true, true, true, true]);
  const other = ['x-amz-checksum-crc32c:AAAA/Q==\n', signatures.trailer];
  assert.deepEqual(await host.send({ cmd: 'chunks', chunks, trailer: other }), [true, true, true, false]);
  assert.deepEqual(await host.send({ cmd: 'chunks', chunks: chunks.slice(0, 2), trailer }), [true, true, false]);
});
