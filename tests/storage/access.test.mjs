// Who may do what with which path: a running server decides thousands of requests, and the policies of the official construct
// (fixtures/rules/policies.json, which tests/roles compares) say what it must answer. They are judged here by twenty lines of
// our own, not by the server's code.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startStorage } from './lib.mjs';
import { encodePath, signHeader, signQuery } from './sigv4.mjs';

const fixture = (name) => JSON.parse(readFileSync(new URL(`fixtures/rules/${name}`, import.meta.url), 'utf8'));
const RULES = fixture('rules.json');
const POLICIES = fixture('policies.json');
const GROUP = '{entity_id}';
let storage;
let bucket;
let master;
let callers; // {name, role, identityId, credentials}
before(async () => {
  storage = await startStorage('rules');
  bucket = storage.bucket('files');
  master = await storage.key();
  const caller = (name, role, who) => ({ name, role, ...who });
  callers = [
    caller('guest', 'unauthRole', await storage.guest()),
    caller('ann', 'authRole', await storage.member()),
    caller('bob', 'authRole', await storage.member()),
    caller('admin', 'adminsGroupRole', await storage.member('admins')),
    caller('editor', 'editorsGroupRole', await storage.member('editors')),
    caller('both', 'adminsGroupRole', await storage.member('editors', 'admins')),
  ];
});
after(() => storage.end());

// ---- the policies ------------------------------------------------------------------------------

const like = (pattern, text, caller) => {
  const parts = pattern.split('${cognito-identity.amazonaws.com:sub}').map((part) =>
    part.replace(/[.+^$()|[\]\\{}]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.'));
  return new RegExp(`^${parts.join(caller.identityId)}$`, 's').test(text);
};

/** May the caller? A deny wins, else an allow, else no. */
function may(caller, action, resource, prefix) {
  const applies = ({ Action, Resource, Condition }) =>
    Action.includes(action) && Resource.some((one) => like(one, resource, caller)) &&
    (!Condition || Condition.StringLike['s3:prefix'].some((one) => prefix !== undefined && like(one, prefix, caller)));
  const found = POLICIES[`amplify-amplifyAuth-${caller.role}`].flat().filter(applies).map(({ Effect }) => Effect);
  return found.includes('Allow') && !found.includes('Deny');
}
const mayObject = (caller, verb, key) => may(caller, `s3:${verb}Object`, `arn:aws:s3:::${bucket}/${key}`);
const mayList = (caller, prefix) => may(caller, 's3:ListBucket', `arn:aws:s3:::${bucket}`, prefix);

// ---- requests ----------------------------------------------------------------------------------

const ask = (caller, method, key, options = {}) =>
  storage.signed(caller.credentials ?? caller, { method, path: `/${bucket}/${encodePath(key)}`, ...options });

/** Runs tasks, some at a time. */
async function parallel(tasks, jobs = 24) {
  const queue = [...tasks];
  await Promise.all(Array.from({ length: jobs }, async () => {
    while (queue.length > 0) await queue.shift()();
  }));
}

async function allKeys() {
  const keys = [];
  for (let token; ; ) {
    const query = [['list-type', '2'], ...(token ? [['continuation-token', token]] : [])];
    const { body } = await storage.signed(master, { method: 'GET', path: `/${bucket}`, query });
    const text = body.toString();
    keys.push(...[...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key));
    token = /<NextContinuationToken>([^<]*)</.exec(text)?.[1];
    if (!token) return keys;
  }
}

/** Beginnings of keys in and around every rule's path. */
function prefixes() {
  const owners = callers.slice(0, 4).map(({ identityId }) => identityId);
  const paths = Object.keys(RULES).map((path) => path.slice(0, -1));
  const around = [...paths, ...paths.map((path) => `${path}sub/`), ...paths.map((path) => `${path}admin/x/`), 'none/', 'publicx/', 'private/', 'protected/'];
  return [...new Set(around.flatMap((path) => (path.includes(GROUP) ? owners.map((id) => path.replace(GROUP, id)) : [path])))];
}

test('a matrix of roles, actions and paths', async (t) => {
  const counts = { allowed: 0, refused: 0 };
  const judge = (what, allowed, { status, code, body }, fine) => {
    counts[allowed ? 'allowed' : 'refused']++;
    if (allowed) assert.equal(status, fine, `${what} must be allowed: ${body}`);
    else assert.deepEqual([status, what.includes(' HEAD ') ? 'AccessDenied' : code], [403, 'AccessDenied'], `${what} must be refused`);
  };
  const keys = prefixes().flatMap((prefix) => [`${prefix}a.png`, `${prefix}b c+ü`]);
  await parallel(keys.map((key) => async () => assert.equal((await ask(master, 'PUT', key, { body: key })).status, 200)));
  const expected = new Set(keys);
  const tasks = [];
  for (const caller of callers) {
    for (const key of keys) {
      const what = (verb) => `${caller.name} ${verb} ${key}`;
      tasks.push(async () => {
        const got = await ask(caller, 'GET', key);
        judge(what('GET'), mayObject(caller, 'Get', key), got, 200);
        if (got.status === 200) assert.equal(got.body.toString(), key);
      });
      tasks.push(async () => judge(what('HEAD'), mayObject(caller, 'Get', key), await ask(caller, 'HEAD', key), 200));
      tasks.push(async () => {
        const own = `${key}.by-${caller.name}`;
        if (mayObject(caller, 'Put', own)) expected.add(own);
        judge(what('PUT'), mayObject(caller, 'Put', own), await ask(caller, 'PUT', own, { body: 'x' }), 200);
      });
      tasks.push(async () => {
        const own = `${key}.for-${caller.name}`;
        await ask(master, 'PUT', own, { body: 'x' });
        if (!mayObject(caller, 'Delete', own)) expected.add(own);
        judge(what('DELETE'), mayObject(caller, 'Delete', own), await ask(caller, 'DELETE', own), 204);
      });
    }
    for (const prefix of [...prefixes(), ...prefixes().map((one) => one.slice(0, -1)), ...prefixes().map((one) => `${one}a`), '', undefined]) {
      for (const version of [['list-type', '2'], ['max-keys', '3']]) {
        tasks.push(async () => {
          const query = [version, ...(prefix === undefined ? [] : [['prefix', prefix]])];
          const got = await storage.signed(caller.credentials, { method: 'GET', path: `/${bucket}`, query });
          judge(`${caller.name} LIST ${prefix}`, mayList(caller, prefix), got, 200);
          for (const [, key] of got.body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)) assert.ok(key.startsWith(prefix), key);
        });
      }
    }
  }
  await parallel(tasks);
  t.diagnostic(`${counts.allowed + counts.refused} requests: ${counts.allowed} allowed, ${counts.refused} refused`);
  assert.ok(counts.allowed > 500 && counts.refused > 1500, JSON.stringify(counts));
  assert.deepEqual((await allKeys()).sort(), [...expected].sort(), 'what is stored is what was allowed');
});

test('deleting several: each key is judged by itself', async () => {
  const targets = prefixes().map((prefix) => `${prefix}several`);
  for (const caller of callers) {
    await parallel(targets.map((key) => () => ask(master, 'PUT', key, { body: 'x' })));
    const body = `<Delete>${targets.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`;
    const { status, body: answer } = await storage.signed(caller.credentials, { method: 'POST', path: `/${bucket}`, query: [['delete', '']], body });
    assert.equal(status, 200);
    const texts = (element) => [...answer.toString().matchAll(new RegExp(`<${element}><Key>([^<]*)</Key>(.*?)</${element}>`, 'g'))];
    const allowed = targets.filter((key) => mayObject(caller, 'Delete', key));
    assert.deepEqual(texts('Deleted').map(([, key]) => key), allowed, caller.name);
    assert.deepEqual(texts('Error').map(([, key, rest]) => [key, /<Code>AccessDenied</.test(rest)]),
      targets.filter((key) => !allowed.includes(key)).map((key) => [key, true]), caller.name);
  }
});

test('a user in a group has the group\'s role and no other', async () => {
  const [, ann, , admin, editor] = callers;
  await ask(master, 'PUT', 'public/for-users', { body: 'x' });
  assert.equal((await ask(ann, 'GET', 'public/for-users')).status, 200);
  assert.equal((await ask(editor, 'GET', 'public/for-users')).status, 403);
  assert.equal((await ask(admin, 'GET', 'public/for-users')).status, 403);
  const own = `private/${editor.identityId}/x`;
  assert.equal((await ask(editor, 'PUT', own, { body: 'x' })).status, mayObject(editor, 'Put', own) ? 200 : 403);
});

// ---- tricks ------------------------------------------------------------------------------------

const SECRET = 'this is for nobody else';

/** Ways to write a target whose sense somebody could take for another one. */
function disguises(key) {
  const [first, ...rest] = key.split('/');
  const raw = encodePath(key);
  const changed = [
    raw.replaceAll('/', '%2F'), raw.replaceAll('/', '%2f'), raw.replaceAll('/', '%252F'), `/${raw}`, raw.replaceAll('/', '//'), `./${raw}`,
    `public/../${raw}`, `public/%2E%2E/${raw}`, `public/..%2F${raw}`, `public%2F..%2F${raw}`, `public/%252e%252e/${raw}`, `public/./../${raw}`,
    `public//../${raw}`, `public\\..\\${raw}`, `public/..;/${raw}`, `public/%00/../${raw}`, `${raw}%00`, `${raw}%00.png`, `${raw}/`, `${raw}/.`, `${raw}/..`, `${raw}.`,
    `${raw}%20`, `${raw}%09`, `${raw}%0A`, raw.toUpperCase(), `${first.toUpperCase()}/${encodePath(rest.join('/'))}`, `${raw};x`, `${raw}%3Fx`, `${raw}%23x`,
    raw.replace('/', '%ef%bc%8f'), raw.replace('/', '%e2%88%95'), raw.replace('/', '%c0%af'), raw.replace('/', '\\'), raw.replace('/', '%5C'),
    raw.replace('s', '%73'), raw.replace('s', '%C5%BF'), `%EF%BB%BF${raw}`, `${raw}%CC%81`, `public/*/../../${raw}`, `*`, `public/admin%2F..%2F..%2F${raw}`,
  ];
  return changed.map((path) => path.replaceAll(' ', '%20'));
}

test('no disguise of a path reaches what the path itself does not', async () => {
  const [guest, ann, bob, , editor] = callers;
  const secrets = [`private/${bob.identityId}/secret`, 'public/admin/secret', 'reports/secret'];
  for (const key of secrets) assert.equal((await ask(master, 'PUT', key, { body: SECRET })).status, 200);
  let count = 0;
  const tasks = [];
  for (const caller of [guest, ann, editor]) {
    for (const key of secrets.filter((one) => !mayObject(caller, 'Get', one))) {
      for (const path of disguises(key)) {
        for (const [host, target] of [[`s3.localhost:${storage.port}`, `/${bucket}/${path}`], [`${bucket}.s3.localhost:${storage.port}`, `/${path}`],
          [`127.0.0.1:${storage.port}`, `/${bucket}/${path}`], [`${bucket.toUpperCase()}.S3.LocalHost:${storage.port}`, `/${path}`]]) {
          for (const method of ['GET', 'PUT', 'DELETE']) {
            tasks.push(async () => {
              count++;
              const request = { method, path: target, headers: { host }, ...(method === 'PUT' && { body: 'overwritten' }) };
              const { status, body } = await storage.send(signHeader(request, caller.credentials));
              assert.ok(!body.includes(SECRET), `${caller.name} ${method} ${host} ${target}`);
              assert.ok(status < 500, `${status}: ${caller.name} ${method} ${host} ${target}`);
            });
          }
        }
      }
    }
  }
  await parallel(tasks);
  assert.ok(count > 1000);
  for (const key of secrets) assert.equal((await ask(master, 'GET', key)).body.toString(), SECRET, key);
  await parallel(disguises('x/y').map((path) => () => storage.signed(master, { method: 'DELETE', path: `/${bucket}/${path}` })));
});

test('host and target cannot disagree about the bucket', async () => {
  const [, ann] = callers;
  const key = 'public/admin/host';
  await ask(master, 'PUT', key, { body: SECRET });
  await ask(master, 'PUT', 'public/open', { body: 'open' });
  const port = storage.port;
  const virtual = `${bucket}.s3.localhost:${port}`;
  const plain = `s3.localhost:${port}`;
  const other = { host: `other.s3.localhost:${port}` };
  // A URL signed by who may do everything, for a key that is not the secret: its holder must not turn it into another.
  const url = signQuery({ method: 'GET', path: '/public/open', headers: { host: virtual } }, master);
  assert.equal((await storage.send(url)).body.toString(), 'open');
  const elsewhere = signQuery({ method: 'GET', path: `/${key}`, headers: other }, master);
  const tries = [
    { ...elsewhere }, { ...elsewhere, headers: { host: virtual } },
    { ...elsewhere, path: `http://${virtual}/${key}` }, { ...elsewhere, path: `https://${virtual}/${key}` }, { ...elsewhere, path: `//${virtual}/${key}` },
    { ...elsewhere, headers: { ...other, 'x-forwarded-host': virtual } }, { ...elsewhere, headers: { ...other, forwarded: `host=${virtual}` } },
    { ...url, path: `/${key}` }, { ...url, path: `/public/open/../admin/host` }, { ...url, path: `http://${virtual}/${key}` },
    { ...url, headers: { host: plain }, path: `/${bucket}/${key}` }, { ...url, headers: { host: `${bucket}.s3.localhost.:${port}` }, path: `/${key}` },
    { ...url, headers: { ...url.headers, 'x-http-method-override': 'DELETE', 'x-original-url': `/${key}`, 'x-rewrite-url': `/${key}` }, path: `/${key}` },
  ];
  for (const request of tries) {
    const { status, body } = await storage.send(request);
    assert.ok(status >= 400 && status < 500 && !body.includes(SECRET), `${status} ${request.path} ${JSON.stringify(request.headers)}`);
  }
  // Signed with one host, sent with two.
  const signed = signHeader({ method: 'GET', path: `/${key}`, headers: other }, master);
  for (const hosts of [[other.host, virtual], [virtual, other.host]]) {
    const headers = Object.entries(signed.headers).filter(([name]) => name !== 'host').flat();
    const { status, body } = await storage.send({ ...signed, headers: undefined, rawHeaders: [...hosts.flatMap((host) => ['Host', host]), ...headers] });
    assert.ok(status >= 400 && status < 500 && !body.includes(SECRET), `${status} two hosts`);
  }
  // The host is not signed at all.
  const { status, code } = await storage.send({ ...signQuery({ method: 'GET', path: `/${bucket}/public/open`, headers: { date: 'x' } }, master) });
  assert.deepEqual([status, code], [403, 'AccessDenied']);
  // A bucket in the host and in the path: the path is then part of the key.
  assert.equal((await ask(ann, 'GET', key)).status, 403);
  const twice = signHeader({ method: 'GET', path: `/${bucket}/public/open`, headers: { host: virtual } }, master);
  assert.equal((await storage.send(twice)).code, 'NoSuchKey');
  // Two prefixes: the one that is decided about is the one that is listed.
  for (const rawQuery of ['list-type=2&prefix=public%2F&prefix=reports%2F', 'list-type=2&prefix=reports%2F&prefix=public%2F', 'list-type=2&prefix=public%2F&%70refix=reports%2F']) {
    const query = rawQuery.split('&').map((pair) => pair.split('=').map(decodeURIComponent));
    const got = await storage.send({ ...signHeader({ method: 'GET', path: `/${bucket}`, query, headers: { host: plain } }, ann.credentials), rawQuery });
    assert.ok(!got.body.includes('<Key>reports/'), rawQuery);
  }
});

test('rules that change count for credentials and URLs that exist already', async () => {
  const watched = await startStorage('rules', { watch: true });
  try {
    const guest = await watched.guest();
    const owner = await watched.key();
    const path = `/${watched.bucket('files')}/public/a`;
    const headers = { host: `s3.localhost:${watched.port}` };
    assert.equal((await watched.signed(owner, { method: 'PUT', path, body: 'a' })).status, 200);
    const url = signQuery({ method: 'GET', path, headers }, guest.credentials, { expires: 600 });
    assert.equal((await watched.send(url)).status, 200);
    const file = join(watched.project, 'rules.json');
    const rules = JSON.parse(readFileSync(file, 'utf8'));
    rules['public/*'] = rules['public/*'].filter(({ kind }) => kind !== 'guest');
    writeFileSync(file, JSON.stringify(rules));
    let answer;
    for (const deadline = Date.now() + 60_000; answer?.status !== 403 && Date.now() < deadline; ) answer = await watched.send(url);
    assert.deepEqual([answer.status, answer.code], [403, 'AccessDenied'], watched.log());
    assert.equal((await watched.signed(guest.credentials, { method: 'GET', path })).status, 403);
  } finally {
    await watched.end();
  }
});
