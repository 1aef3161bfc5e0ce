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
