// What is believed of an external issuer's tokens: the C functions through a host program.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { exportSPKI, SignJWT } from 'jose';
import { CLIENT, makeKey, makeToken, startIssuer } from './issuer.mjs';
import { makeAuthority } from './certificates.mjs';

const now = () => Math.floor(Date.now() / 1000);
const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function startHost(env = {}) {
  const child = spawn(process.env.OIDC_HOST, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const ask = async (command) => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await answers.next();
    assert.ok(!done, `the host has ended:\n${log}`);
    return JSON.parse(value);
  };
  const host = {
    ask,
    log: () => log,
    use: async (options) => assert.deepEqual(await ask({ op: 'new', ...options }), { ok: true }),
    many: async (tokens) => (await ask({ op: 'verify', tokens })).results,
    verify: async (token) => (await host.many([token]))[0],
    good: async (token) => {
      const result = await host.verify(token);
      assert.equal(result.error, undefined);
      return result;
    },
    refused: async (token, text) => {
      const result = await host.verify(token);
      assert.match(result.error ?? 'not refused', text);
      assert.equal(result.wire, 'UnauthorizedException');
    },
    end: async () => {
      child.stdin.end();
      assert.equal(await ended, 0, log);
      process.off('exit', kill);
    },
  };
  return host;
}

describe('tokens of an external issuer', () => {
  let host;
  let key;
  let issuer;
  before(async () => {
    host = startHost();
    key = await makeKey();
    issuer = await startIssuer({ keys: [key] });
  });
  after(async () => {
    await issuer.stop();
    await host.end();
  });
  const use = (options = {}) => host.use({ issuer: issuer.url, ...options });

  it('takes a good one, and asks the issuer once', async () => {
    await use();
    issuer.requests.length = 0;
    const token = await makeToken(issuer, key, { 'cognito:groups': ['admins', 7, 'editors'], email: 'a@example.com' });
    const result = await host.good(token);
    assert.equal(result.sub, 'user-1');
    assert.deepEqual(result.groups, ['admins', 'editors']);
    assert.equal(result.claims.email, 'a@example.com');
    assert.deepEqual(await host.good(token), result);
    await host.good(await makeToken(issuer, key, { sub: 'user-2' }));
    assert.deepEqual(issuer.requests, ['/.well-known/openid-configuration', '/keys']);
  });

  it('asks once for all who wait', async () => {
    await use();
    issuer.requests.length = 0;
    issuer.delay = 100;
    const tokens = await Promise.all(Array.from({ length: 50 }, (_, i) => makeToken(issuer, key, { sub: `user-${i}` })));
    const results = await host.many(tokens);
    issuer.delay = 0;
    assert.deepEqual(results.map((result) => result.sub), tokens.map((_, i) => `user-${i}`));
    assert.equal(issuer.requests.length, 2);
  });

  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']) {
    it(`proves ${alg}`, async () => {
      const own = await makeKey(alg);
      issuer.keys = [key, own];
      await use();
      const token = await makeToken(issuer, own);
      await host.good(token);
      const [header, claims, signature] = token.split('.');
      const bytes = Buffer.from(signature, 'base64url');
      bytes[bytes.length >> 1] ^= 1;
      await host.refused(`${header}.${claims}.${bytes.toString('base64url')}`, /signature/);
      const other = JSON.parse(Buffer.from(claims, 'base64url'));
      await host.refused(`${header}.${base64url({ ...other, sub: 'user-2' })}.${signature}`, /signature/);
      await host.refused(`${header}.${claims}.`, /signature/);
      issuer.keys = [key];
    });
  }

  it('takes none, HS256 with the public key, and a key for something else for what they are', async () => {
    const encryption = await makeKey('RS256', { use: 'enc' });
    const other = await makeKey('RS256', { alg: 'RS512' });
    const noId = await makeKey('RS256', { kid: undefined });
    const ec = await makeKey('ES256');
    const short = { kid: 'short', jwk: { kty: 'RSA', kid: 'short', n: base64url('a'.repeat(64)), e: 'AQAB' } };
    const symmetric = { kid: 'oct', jwk: { kty: 'oct', kid: 'oct', k: base64url('secret'), alg: 'HS256' } };
    issuer.keys = [key, encryption, other, noId, ec, short, symmetric];
    await use();
    const claims = base64url({ iss: issuer.url, sub: 'user-1', aud: CLIENT, iat: now(), exp: now() + 600 });
    const forge = (header, secret) => {
      const text = `${base64url(header)}.${claims}`;
      return `${text}.${secret === undefined ? '' : createHmac('sha256', secret).update(text).digest('base64url')}`;
    };
    for (const alg of ['none', 'None', 'NONE', '', 'RS257', 'EdDSA']) {
      await host.refused(forge({ alg, kid: key.kid }), /not signed in a way/);
    }
    const pem = await exportSPKI(key.publicKey);
    for (const secret of [pem, pem.trim(), key.jwk.n, JSON.stringify(key.jwk)]) {
      await host.refused(forge({ alg: 'HS256', kid: key.kid }, secret), /not signed in a way/);
      await host.refused(forge({ alg: 'RS256', kid: key.kid }, secret), /signature/);
    }
    await host.refused(forge({ alg: 'HS256', kid: 'oct' }, 'secret'), /not signed in a way/);
    await host.refused(forge({ alg: 'RS256', kid: 'oct' }, 'secret'), /does not have/);
    await host.refused(await makeToken(issuer, encryption), /does not have/);
    await host.refused(await makeToken(issuer, { ...other, alg: 'RS256' }), /signature/);
    await host.refused(await makeToken(issuer, noId), /does not have/);
    await host.refused(await makeToken(issuer, { ...key, kid: ec.kid }), /signature/);
    await host.refused(await makeToken(issuer, { ...ec, kid: key.kid }), /signature/);
    await host.refused(await makeToken(issuer, key, {}, { kid: undefined }), /not signed in a way/);
    await host.refused(await makeToken(issuer, key, {}, { crit: ['b64'], b64: true }).catch(() => 'a.b.c'), /parse|accepted/);
    await host.refused('', /Unable to parse JWT token/);
    await host.refused('x'.repeat(20_000), /Unable to parse JWT token/);
    await host.refused('a.b.c', /Unable to parse JWT token/);
    issuer.keys = [key];
  });

  it('looks at issuer, subject and times', async () => {
    await use();
    const refused = async (claims, text) => host.refused(await makeToken(issuer, key, claims), text);
    await refused({ iss: 'https://elsewhere.example.com' }, /another issuer/);
    await refused({ iss: `${issuer.url}/` }, /another issuer/); // the document writes it without
    await refused({ iss: undefined }, /another issuer/);
    await refused({ sub: undefined }, /subject/);
    await refused({ sub: 7 }, /subject/);
    await refused({ exp: now() - 1 }, /Token has expired/);
    await refused({ exp: undefined }, /Token has expired/);
    await refused({ exp: 'tomorrow' }, /Token has expired/);
    await refused({ iat: now() + 3600 }, /not valid yet/);
    await refused({ iat: undefined }, /not valid yet/);
    await refused({ nbf: now() + 3600 }, /not valid yet/);
    await refused({ nbf: null }, /not valid yet/);
    await host.good(await makeToken(issuer, key, { nbf: now() - 5 }));
    assert.deepEqual(await host.ask({ op: 'issuer', token: await makeToken(issuer, key, { exp: 1 }) }), { ok: true });
    assert.deepEqual(await host.ask({ op: 'issuer', token: await makeToken(issuer, key, { iss: 'x' }) }), { ok: false });
    assert.deepEqual(await host.ask({ op: 'issuer', token: 'nonsense' }), { ok: false });
  });

  it('ends a token in the cache with its time', async () => {
    await use();
    const token = await makeToken(issuer, key, { exp: now() + 2 });
    await host.good(token);
    const until = Date.now() + 10_000;
    while ((await host.verify(token)).error === undefined && Date.now() < until) await sleep(50);
    await host.refused(token, /Token has expired/);
  });

  it('holds tokens to the times since issue and since sign-in', async () => {
    await use({ iatTtl: 300, authTtl: 1000 });
    await host.good(await makeToken(issuer, key, { auth_time: now() - 900 }));
    await host.refused(await makeToken(issuer, key, { iat: now() - 301, auth_time: now() }), /Token has expired/);
    await host.refused(await makeToken(issuer, key, { auth_time: now() - 1001 }), /Token has expired/);
    await host.refused(await makeToken(issuer, key), /Token has expired/);
  });

  it('takes the clients of the pattern, whole', async () => {
    const fits = async (clientId, claims) => {
      await use({ clientId });
      return (await host.verify(await makeToken(issuer, key, claims))).error === undefined;
    };
    assert.ok(await fits(CLIENT, {}));
    assert.ok(await fits('other|web-client-1', {}));
    assert.ok(await fits('other|web-client-1', { aud: 'other' }));
    assert.ok(await fits('web-client-\\d', {}));
    assert.ok(await fits('[\\w\\-]+', {}));
    assert.ok(await fits('(?:web|native)-.*', {}));
    assert.ok(await fits(CLIENT, { aud: ['api', CLIENT] }));
    assert.ok(await fits(CLIENT, { aud: 'api', azp: CLIENT }));
    assert.ok(await fits(undefined, { aud: undefined }));
    assert.ok(!(await fits(CLIENT, { aud: undefined })));
    assert.ok(!(await fits(CLIENT, { aud: [] })));
    assert.ok(!(await fits(CLIENT, { aud: 'web-client-12' })));
    assert.ok(!(await fits(CLIENT, { aud: 'a-web-client-1' })));
    assert.ok(!(await fits(CLIENT, { aud: { client: CLIENT } })));
    assert.ok(!(await fits(CLIENT, { aud: `${CLIENT}\u0000x` })));
    assert.ok(!(await fits('web|client', { aud: 'web-client-1' })));
    assert.ok(!(await fits('web.client.1', { aud: 'web-client-2' })));
    assert.ok(!(await fits('web-client-\\d', { aud: 'web-client-d' })));
    assert.ok(!(await fits('(a+)+b', { aud: 'a'.repeat(500) })));
    for (const clientId of ['a)|(b', '(', '[', 'a{', '(?=a)b', '(a)\\1', '\\p{L}', 'x'.repeat(3000)]) {
      const answer = await host.ask({ op: 'new', issuer: issuer.url, clientId });
      assert.match(answer.error ?? 'taken', /client id/, clientId);
    }
  });

  it('finds a key that is new, and forgets one that is gone', async () => {
    const [first, second] = [await makeKey(), await makeKey('ES256')];
    issuer.keys = [first];
    await use();
    const token = await makeToken(issuer, first);
    await host.good(token);
    issuer.keys = [second];
    issuer.requests.length = 0;
    const newer = await makeToken(issuer, second);
    const begun = Date.now();
    // Not at once: unknown ids are looked for every few seconds only, whatever is asked for.
    await host.refused(newer, /does not have/);
    assert.equal(issuer.requests.length, 0);
    while ((await host.verify(newer)).error !== undefined) {
      assert.ok(Date.now() - begun < 20_000, 'the new key is never found');
      await sleep(100);
    }
    assert.equal(issuer.requests.length, 2);
    await host.refused(token, /does not have/);
    issuer.keys = [key];
  });

  it('is patient with an issuer that is down, and soon back with it', async () => {
    const port = issuer.port;
    await issuer.stop();
    await host.use({ issuer: `http://127.0.0.1:${port}` });
    const token = await makeToken(issuer, key);
    await host.refused(token, /could not be fetched/);
    issuer = await startIssuer({ port, keys: [key] });
    await host.refused(token, /could not be fetched/); // still remembered
    assert.equal(issuer.requests.length, 0);
    const until = Date.now() + 20_000;
    while ((await host.verify(token)).error !== undefined && Date.now() < until) await sleep(100);
    await host.good(token);
    await issuer.stop(); // what is known is known
    await host.good(await makeToken(issuer, key, { sub: 'user-3' }));
    issuer = await startIssuer({ port, keys: [key] });
  });

  it('gives up a slow issuer, and lets those go on whom it knows', { timeout: 60_000 }, async () => {
    await use();
    await host.good(await makeToken(issuer, key));
    issuer.delay = 60_000;
    issuer.requests.length = 0;
    const stranger = await makeKey();
    const begun = Date.now();
    while (issuer.requests.length === 0) {
      const results = await host.many([await makeToken(issuer, stranger), await makeToken(issuer, key, { sub: 'user-2' })]);
      assert.match(results[0].error, /does not have/);
      assert.equal(results[1].sub, 'user-2');
      await sleep(50);
    }
    assert.ok(Date.now() - begun < 30_000);
    issuer.delay = 0;
  });

  it('refuses documents that are too large, no JSON, redirected, or of somebody else', async () => {
    const token = await makeToken(issuer, key);
    const cases = {
      'a discovery document of 100 KiB': (path, body) =>
        path === '/keys' ? { status: 200, body } : { status: 200, body: `${body.slice(0, -1)},"x":"${'x'.repeat(100_000)}"}` },
      'a key set of 1 MiB': (path, body) =>
        path === '/keys' ? { status: 200, body: `${body.slice(0, -1)},"x":"${'x'.repeat(1 << 20)}"}` } : { status: 200, body },
      'no JSON': (path, body) => ({ status: 200, body: path === '/keys' ? '<html>' : body }),
      'an array': (path, body) => ({ status: 200, body: path === '/keys' ? '[]' : body }),
      'a redirect': (path, body) =>
        path === '/keys' ? { status: 302, headers: { location: '/elsewhere' }, body: '' } : { status: 200, body },
      'an error': () => ({ status: 500, body: '{}' }),
      'another issuer': (path, body) => ({ status: 200, body: body?.replace(/"issuer":"[^"]*"/, '"issuer":"https://example.com"') }),
      'keys in a file': (path, body) => ({ status: 200, body: body?.replace(/"jwks_uri":"[^"]*"/, '"jwks_uri":"file:///etc/passwd"') }),
      'keys by plain HTTP': (path, body) => ({ status: 200, body: body?.replace(/"jwks_uri":"[^"]*"/, '"jwks_uri":"http://127.0.0.1.example.com/"') }),
      'keys with a name and password': (path, body) => ({ status: 200, body: body?.replace('//127.0.0.1', '//a:b@127.0.0.1') }),
    };
    for (const [name, change] of Object.entries(cases)) {
      issuer.change = change;
      await use();
      const result = await host.verify(token);
      assert.match(result.error ?? 'taken', /could not be fetched/, name);
    }
    issuer.change = (path, body) => ({ status: 200, body });
    await use();
    await host.good(token);
  });

  it('takes only issuers that are URLs fit for it', async () => {
    for (const url of ['', 'example.com', 'http://example.com', 'ftp://127.0.0.1/', 'https://', 'https://a:b@example.com', 'https://example.com/?x=1',
      'https://example.com/#x', 'http://127.0.0.1.example.com', 'https://exa mple.com', 'https://example.com:0', 'https://example.com:99999', 'http://[::1']) {
      const answer = await host.ask({ op: 'new', issuer: url });
      assert.match(answer.error ?? 'taken', /no https URL/, url);
    }
    for (const url of ['https://example.com', 'https://example.com:8443/realms/one/', 'http://localhost:1', 'http://[::1]:1', 'http://127.1.2.3']) {
      assert.deepEqual(await host.ask({ op: 'new', issuer: url }), { ok: true }, url);
    }
  });

  it('does without the slash at the end of the address, as the document writes it', async () => {
    issuer.named = `${issuer.url}/`;
    await host.use({ issuer: issuer.url });
    await host.good(await makeToken(issuer, key, { iss: `${issuer.url}/` }));
    await host.refused(await makeToken(issuer, key), /another issuer/);
    issuer.named = undefined;
  });
});

it('an issuer under https has to have a certificate that the system or SSL_CERT_FILE knows', async () => {
  const authority = makeAuthority();
  const key = await makeKey();
  const issuer = await startIssuer({ keys: [key], tls: authority.server });
  const knowing = startHost({ SSL_CERT_FILE: authority.file });
  const unknowing = startHost({ SSL_CERT_FILE: '' });
  const token = await makeToken(issuer, key);
  await knowing.use({ issuer: issuer.url });
  await unknowing.use({ issuer: issuer.url });
  await knowing.good(token);
  await unknowing.refused(token, /could not be fetched/);
  assert.match(unknowing.log(), /certificate/i);
  issuer.keysUrl = `http://127.0.0.1:${issuer.port}/keys`; // from https to http
  await knowing.use({ issuer: issuer.url });
  await knowing.refused(token, /could not be fetched/);
  await knowing.end();
  await unknowing.end();
  await issuer.stop();
  authority.remove();
});
