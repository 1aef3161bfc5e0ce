// `ampd trust` and the certificates it stands for, judged by real clients: openssl, Node's TLS,
// and Chromium with the NSS database that the command has written. Every test has a HOME and a
// project folder of its own; the system's store is not touched.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const AMPD = process.env.AMPD ?? path.resolve('build/ampd');
const TLS_CLIENT = fileURLToPath(new URL('tls-client.mjs', import.meta.url));
const BROWSER_STORES = ['--stores', 'chromium,firefox'];

// Never rejects: the exit code is part of the result.
function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const settings = { timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 1 << 24, ...options };
    execFile(program, args, settings, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

async function makePlace() {
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'ampd-trust-'));
  const place = {
    root,
    home: path.join(root, 'home'),
    project: path.join(root, 'project'),
    get data() { return path.join(this.project, '.amplify', 'ampd'); },
    get ca() { return path.join(this.data, 'ca.pem'); },
    get nss() { return `sql:${path.join(this.home, '.pki', 'nssdb')}`; },
    env: { ...process.env, HOME: path.join(root, 'home') },
    remove: () => fs.rm(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
  for (const name of ['SUDO_UID', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'NODE_EXTRA_CA_CERTS']) {
    delete place.env[name];
  }
  await fs.mkdir(path.join(place.project, 'amplify'), { recursive: true });
  await fs.mkdir(place.home);
  return place;
}

function ampdTrust(place, args, env = {}) {
  return run(AMPD, ['trust', ...args], { cwd: place.project, env: { ...place.env, ...env } });
}

// Has a server certificate made: that is the running server's business, which `trust` leaves
// alone; here openssl signs one in the same form. Also used for names the authority must not
// vouch for.
async function signServer(place, name, altNames) {
  const file = (suffix) => path.join(place.root, `${name}.${suffix}`);
  await fs.writeFile(file('ext'), [
    'basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth', `subjectAltName=${altNames}`].join('\n'));
  const steps = [
    ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file('key')],
    ['req', '-new', '-key', file('key'), '-subj', `/CN=${name}`, '-out', file('csr')],
    ['x509', '-req', '-in', file('csr'), '-CA', place.ca, '-CAkey', path.join(place.data, 'ca.key'),
      '-set_serial', '4711', '-days', '30', '-sha256', '-extfile', file('ext'), '-out', file('crt')],
  ];
  for (const step of steps) {
    const { code, stderr } = await run('openssl', step);
    assert.equal(code, 0, stderr);
  }
  return { cert: await fs.readFile(file('crt')), key: await fs.readFile(file('key')), path: file('crt') };
}

async function serve(pair, handler) {
  const server = https.createServer({ cert: pair.cert, key: pair.key }, handler);
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const result = {
    port: server.address().port,
    refused: () => {}, // called with the error of every client that refuses the certificate
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
  server.on('tlsClientError', (error) => result.refused(error));
  return result;
}

async function nodeConnects(place, port, names, env) {
  const { code, stdout, stderr } = await run(
    process.execPath, [TLS_CLIENT, String(port), ...names], { env: { ...place.env, ...env } });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

async function findChromium() {
  for (const name of [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome']) {
    if (name && (await run(name, ['--version'])).code === 0) {
      return name;
    }
  }
  assert.fail('Chromium is needed for this test (apt-get install chromium)');
}

async function chromiumDom(place, chromium, url, extra = []) {
  const profile = await fs.mkdtemp(path.join(place.root, 'profile-'));
  const { stdout } = await run(chromium, [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-dev-shm-usage', `--user-data-dir=${profile}`, ...extra, '--dump-dom', url,
  ], { env: place.env });
  return stdout;
}

describe('ampd trust', () => {
  let place;
  before(async () => { place = await makePlace(); });
  after(() => place.remove());

  test('makes an authority and installs it in a new database', async () => {
    const { code, stdout, stderr } = await ampdTrust(place, BROWSER_STORES);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Made the authority "ampd local CA \(/);
    assert.match(stdout, /chromium +installed: /);
    assert.match(stdout, /firefox +no profile found/);
    assert.ok(stdout.includes(`export NODE_EXTRA_CA_CERTS=${place.ca}\n`));
    const list = await run('certutil', ['-L', '-d', place.nss]);
    assert.match(list.stdout, /^ampd local CA \(.*\) +C,,\s*$/m);
    assert.equal((await fs.stat(path.join(place.data, 'ca.key'))).mode & 0o777, 0o600);
  });

  test('does nothing the second time', async () => {
    const ca = await fs.readFile(place.ca, 'utf8');
    const { code, stdout } = await ampdTrust(place, BROWSER_STORES);
    assert.equal(code, 0);
    assert.match(stdout, /chromium +already there: /);
    assert.equal(await fs.readFile(place.ca, 'utf8'), ca);
  });

  test('trusts again what the user has distrusted', async () => {
    const name = /"(ampd local CA .*)"/.exec((await ampdTrust(place, BROWSER_STORES)).stdout)[1];
    const change = await run('certutil', ['-M', '-d', place.nss, '-n', name, '-t', ',,']);
    assert.equal(change.code, 0, change.stderr);
    const { stdout } = await ampdTrust(place, BROWSER_STORES);
    assert.match(stdout, /chromium +installed: /);
    assert.match((await run('certutil', ['-L', '-d', place.nss])).stdout, / C,,\s*$/m);
  });

  test('installs in every Firefox profile, and tells of one it cannot change', async () => {
    const profiles = path.join(place.home, '.mozilla', 'firefox');
    const secret = path.join(place.root, 'password');
    await fs.writeFile(secret, 'secret\n');
    for (const [profile, password] of [['a.default', null], ['b.work', null], ['c.locked', secret]]) {
      const folder = path.join(profiles, profile);
      await fs.mkdir(folder, { recursive: true });
      const made = await run('certutil', ['-N', '-d', `sql:${folder}`,
        ...(password ? ['-f', password] : ['--empty-password'])]);
      assert.equal(made.code, 0, made.stderr);
    }
    const { code, stdout, stderr } = await ampdTrust(place, ['--stores', 'firefox']);
    assert.equal(code, 0);
    assert.match(stdout, /firefox +installed: .*a\.default/);
    assert.match(stdout, /firefox +installed: .*b\.work/);
    assert.match(stderr, /firefox +.*c\.locked has a password/);
    const locked = await run('certutil', ['-L', '-d', `sql:${path.join(profiles, 'c.locked')}`]);
    assert.doesNotMatch(locked.stdout, /ampd/);
  });

  test('removes a replaced authority, and with --uninstall exactly its own', async () => {
    const other = await makePlace(); // another project's authority in the same database
    try {
      assert.equal((await run(AMPD, ['trust', '--project', other.project, ...BROWSER_STORES],
        { env: place.env })).code, 0);
      await fs.writeFile(place.ca, 'damaged');
      const replaced = await ampdTrust(place, BROWSER_STORES);
      assert.match(replaced.stdout, /The former authority .*\n +chromium +removed/);
      assert.match(replaced.stdout, /Made the authority/);
      const names = async () => (await run('certutil', ['-L', '-d', place.nss])).stdout
        .split('\n').filter((line) => line.startsWith('ampd')).length;
      assert.equal(await names(), 2);
      const removed = await ampdTrust(place, ['--uninstall', ...BROWSER_STORES]);
      assert.equal(removed.code, 0, removed.stderr);
      assert.match(removed.stdout, /chromium +removed/);
      assert.match(removed.stdout, /firefox +removed: .*a\.default/);
      assert.equal(await names(), 1);
      assert.ok((await fs.stat(place.ca)).isFile()); // no longer trusted, but kept
      const again = await ampdTrust(place, ['--uninstall', ...BROWSER_STORES]);
      assert.equal(again.code, 0);
      assert.match(again.stdout, /Nothing to remove/);
    } finally {
      await other.remove();
    }
  });

  test('without certutil says what to install and fails', async () => {
    const { code, stderr } = await ampdTrust(place, ['--stores', 'chromium'], { PATH: '/nowhere' });
    // /usr/sbin and its like are searched all the same; certutil is in none of them.
    assert.equal(code, 1);
    assert.match(stderr, /chromium +needs .*certutil/);
    assert.match(stderr, /no store could be changed/);
  });

  test('does not make an authority in order to uninstall it', async () => {
    const fresh = await makePlace();
    try {
      const { code } = await ampdTrust(fresh, ['--uninstall', ...BROWSER_STORES]);
      assert.equal(code, 0);
      await assert.rejects(fs.stat(fresh.ca), { code: 'ENOENT' });
    } finally {
      await fresh.remove();
    }
  });

  test('refuses wrong options', async () => {
    assert.equal((await ampdTrust(place, ['--stores', 'opera'])).code, 2);
    assert.equal((await ampdTrust(place, ['--no-such-option'])).code, 2);
    const missing = await ampdTrust(place, ['--project', path.join(place.root, 'missing')]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /there is no folder/);
  });

  test('under sudo leaves the browsers of root alone', async () => {
    const fresh = await makePlace();
    try {
      const { code, stderr } = await ampdTrust(fresh, [], { SUDO_UID: '1000' });
      if (process.getuid() === 0) {
        assert.equal(code, 1);
        assert.match(stderr, /without sudo first/);
        await assert.rejects(fs.stat(fresh.data), { code: 'ENOENT' });
      }
    } finally {
      await fresh.remove();
    }
  });
});

describe('certificates of the authority', () => {
  const INSIDE = ['localhost', 's3.localhost', 'bucket.s3.localhost', '127.0.0.1'];
  const ALT_NAMES = 'DNS:localhost,DNS:*.localhost,DNS:s3.localhost,DNS:*.s3.localhost,'
    + 'IP:127.0.0.1,IP:::1';
  let place;
  let good;
  let outside;
  let outsideAddress;
  before(async () => {
    place = await makePlace();
    const { code, stderr } = await ampdTrust(place, ['--stores', 'chromium']);
    assert.equal(code, 0, stderr);
    good = await signServer(place, 'good', ALT_NAMES);
    outside = await signServer(place, 'outside', 'DNS:localhost,DNS:bank.example');
    outsideAddress = await signServer(place, 'address', 'DNS:localhost,IP:192.0.2.1');
  });
  after(() => place.remove());

  const verify = async (pair, args) => run('openssl', ['verify', '-x509_strict', '-purpose',
    'sslserver', '-CAfile', place.ca, ...args, pair.path]);

  test('openssl accepts those inside the constraints', async () => {
    for (const args of [['-verify_hostname', 'localhost'], ['-verify_hostname', 'a.s3.localhost'],
      ['-verify_ip', '127.0.0.1'], ['-verify_ip', '::1']]) {
      const { code, stdout, stderr } = await verify(good, args);
      assert.equal(code, 0, stdout + stderr);
    }
  });

  test('openssl refuses those outside', async () => {
    for (const pair of [outside, outsideAddress]) {
      const { code, stdout, stderr } = await verify(pair, []);
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /permitted subtree violation/);
    }
  });

  test('Node accepts them with NODE_EXTRA_CA_CERTS only', async () => {
    const server = await serve(good, (request, response) => response.end('hello'));
    try {
      const trusted = await nodeConnects(place, server.port, INSIDE, { NODE_EXTRA_CA_CERTS: place.ca });
      assert.deepEqual(trusted, Object.fromEntries(INSIDE.map((name) => [name, 'ok'])));
      const untrusted = await nodeConnects(place, server.port, ['localhost'], {});
      assert.match(untrusted.localhost, /UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET_ISSUER/);
    } finally {
      await server.close();
    }
  });

  test('Node refuses those outside the constraints, under any name', async () => {
    for (const pair of [outside, outsideAddress]) {
      const server = await serve(pair, (request, response) => response.end('hello'));
      try {
        const result = await nodeConnects(place, server.port, ['localhost', 'bank.example'],
          { NODE_EXTRA_CA_CERTS: place.ca });
        assert.notEqual(result.localhost, 'ok');
        assert.notEqual(result['bank.example'], 'ok');
      } finally {
        await server.close();
      }
    }
  });

  const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

  // Answers with a page that loads a picture from each of `origins` (the load event waits for all
  // of them), and with the picture.
  function serveFor(pair, origins) {
    return serve(pair, (request, response) => {
      const isPixel = request.url === '/pixel';
      const pictures = origins(request.socket.localPort).map((origin) => `<img id="${origin}" `
        + `src="${origin}/pixel" onload="this.alt='loaded'" onerror="this.alt='refused'">`);
      response.setHeader('content-type', isPixel ? 'image/gif' : 'text/html');
      response.end(isPixel ? PIXEL : `<!doctype html><title>inside</title>${pictures.join('')}`);
    });
  }

  // {"https://localhost:1234": "loaded", ...}
  const outcomes = (dom) => Object.fromEntries(
    [...dom.matchAll(/<img id="([^"]*)"[^>]* alt="(\w+)"/g)].map((found) => found.slice(1)));

  test('Chromium trusts them through the database', async () => {
    const chromium = await findChromium();
    const origins = (port) => INSIDE.map((name) => `https://${name}:${port}`);
    const server = await serveFor(good, origins);
    try {
      const dom = await chromiumDom(place, chromium, `https://localhost:${server.port}/`);
      assert.match(dom, /<title>inside/);
      assert.deepEqual(outcomes(dom),
        Object.fromEntries(origins(server.port).map((origin) => [origin, 'loaded'])));
    } finally {
      await server.close();
    }
  });

  test('Chromium refuses those outside the constraints', async () => {
    const chromium = await findChromium();
    const name = await serve(outside, (request, response) => response.end(PIXEL));
    const address = await serve(outsideAddress, (request, response) => response.end(PIXEL));
    const bad = [`https://bank.example:${name.port}`, `https://localhost:${name.port}`,
      `https://localhost:${address.port}`];
    const server = await serveFor(good, (port) => [...bad, `https://localhost:${port}`]);
    try {
      const dom = await chromiumDom(place, chromium, `https://localhost:${server.port}/`,
        ['--host-resolver-rules=MAP bank.example 127.0.0.1']);
      assert.deepEqual(outcomes(dom), {
        ...Object.fromEntries(bad.map((origin) => [origin, 'refused'])),
        [`https://localhost:${server.port}`]: 'loaded',
      });
    } finally {
      await Promise.all([server.close(), name.close(), address.close()]);
    }
  });

  test('Chromium refuses them in a home without the database', async () => {
    const chromium = await findChromium();
    const stranger = await makePlace();
    const requests = [];
    const server = await serve(good, (request, response) => {
      requests.push(request.url);
      response.end('<title>inside</title>');
    });
    const alerts = [];
    server.refused = (error) => alerts.push(error.code);
    try {
      const dom = await chromiumDom(stranger, chromium, `https://localhost:${server.port}/`);
      assert.doesNotMatch(dom, /inside/);
      assert.deepEqual(requests, []);
      assert.ok(alerts.includes('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')
        || alerts.includes('ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN')
        || alerts.includes('ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN'), alerts.join());
    } finally {
      await server.close();
      await stranger.remove();
    }
  });
});
