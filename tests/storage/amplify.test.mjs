// aws-amplify/storage through its whole surface, over TLS, configured with nothing but amplify_outputs.json.
import assert from 'node:assert/strict';
import { randomBytes, webcrypto } from 'node:crypto';
import { after, before, test } from 'node:test';
import { PASSWORD, refused, startStorage } from './lib.mjs';

globalThis.crypto ??= webcrypto;
console.warn = () => {}; // about each endpoint that is not AWS's own
// Checksums of the client read Blobs as browsers do.
globalThis.FileReader ??= class {
  readAsArrayBuffer(blob) {
    blob.arrayBuffer().then((result) => { this.result = result; this.onload?.({ target: this }); }, (error) => this.onerror?.(error));
  }
};
globalThis.File ??= (await import('node:buffer')).File;

const { Amplify } = await import('aws-amplify');
const auth = await import('aws-amplify/auth');
const files = await import('aws-amplify/storage');
const { copy, downloadData, getProperties, getUrl, list, remove, uploadData } = files;

const MIB = 1 << 20;
let storage;
let user;
before(async () => {
  storage = await startStorage('files');
  Amplify.configure(storage.outputs);
  user = await storage.member();
  await auth.signIn({ username: user.username, password: PASSWORD });
});
after(() => storage.end());

const put = (path, data, options) => uploadData({ path, data, options }).result;
const text = async (path, options) => (await downloadData({ path, options }).result).body.text();
const bytes = async (path, options) => Buffer.from(await (await (await downloadData({ path, options }).result).body.blob()).arrayBuffer());
const missing = (path, options) => refused(getProperties({ path, options }), 'NotFound');
/** Runs it as a guest, and signs in again. */
async function asGuest(run) {
  await auth.signOut();
  try {
    await run();
  } finally {
    await auth.signIn({ username: user.username, password: PASSWORD });
  }
}

test('put, get and properties of a text', async () => {
  const path = 'public/hello.txt';
  const options = { contentType: 'text/plain; charset=utf-8', metadata: { colour: 'red', Size: 'XL' }, contentEncoding: 'identity',
    contentDisposition: { type: 'attachment', filename: 'hello there.txt' }, cacheControl: 'max-age=60' };
  const stored = await put(path, 'hello', options);
  assert.deepEqual([stored.path, stored.eTag, stored.contentType, stored.metadata],
    [path, '"5d41402abc4b2a76b9719d911017c592"', options.contentType, options.metadata]);
  const metadata = { colour: 'red', size: 'XL' };
  const got = await downloadData({ path }).result;
  assert.equal(await got.body.text(), 'hello');
  assert.deepEqual([got.contentType, got.size, got.metadata, got.eTag], [options.contentType, 5, metadata, stored.eTag]);
  const properties = await getProperties({ path });
  assert.deepEqual([properties.contentType, properties.size, properties.metadata, properties.eTag], [options.contentType, 5, metadata, stored.eTag]);
  assert.ok(Math.abs(Date.now() - properties.lastModified) < 60_000);
  const { url } = await getUrl({ path });
  const { headers } = await fetch(url);
  assert.deepEqual(['content-disposition', 'content-encoding', 'cache-control'].map((name) => headers.get(name)),
    ['attachment; filename="hello there.txt"', 'identity', 'max-age=60']);
});

test('data of every kind, and names of every kind', async () => {
  const data = { text: 'grün', blob: new Blob(['grün']), buffer: new TextEncoder().encode('grün').buffer, view: new TextEncoder().encode('grün') };
  for (const [kind, value] of Object.entries(data)) {
    await put(`public/kinds/${kind}`, value);
    assert.equal(await text(`public/kinds/${kind}`), 'grün');
  }
  await put('public/kinds/file', new File(['grün'], 'x.css', { type: 'text/css' }));
  assert.equal((await getProperties({ path: 'public/kinds/file' })).contentType, 'text/css');
  const names = ['a b+c', 'ä/ö ü', '日本/🙂.png', "!'()*~", '%41%2F', 'a=b&c;d', '#x?y', '"<>&', 'dir//twice', '...', 'a:b@c,$'];
  for (const name of names) {
    const path = `public/names/${name}`;
    assert.equal((await put(path, name)).path, path);
    assert.equal(await text(path), name, name);
    assert.equal(await (await fetch((await getUrl({ path })).url)).text(), name, name);
  }
  const { items } = await list({ path: 'public/names/', options: { listAll: true } });
  assert.deepEqual(items.map(({ path }) => path).sort(), names.map((name) => `public/names/${name}`).sort());
});

test('paths as functions of the identity', async () => {
  const path = ({ identityId }) => `profile-pictures/${identityId}/me.png`;
  const stored = await put(path, 'picture', { contentType: 'image/png' });
  assert.equal(stored.path, path(user));
  assert.equal(await text(path), 'picture');
  assert.equal((await getProperties({ path })).size, 7);
  assert.equal((await list({ path: ({ identityId }) => `profile-pictures/${identityId}/` })).items.length, 1);
  assert.equal(await (await fetch((await getUrl({ path })).url)).text(), 'picture');
  await remove({ path });
  await missing(path);
});

test('downloads: ranges and progress', async () => {
  const data = randomBytes(3 * MIB);
  await put('public/range', data);
  const part = async (start, end) => bytes('public/range', { bytesRange: { start, end } });
  assert.ok((await part(0, 0)).equals(data.subarray(0, 1)));
  assert.ok((await part(100, 2 * MIB)).equals(data.subarray(100, 2 * MIB + 1)));
  assert.ok((await part(2 * MIB, 99 * MIB)).equals(data.subarray(2 * MIB)));
  await refused(downloadData({ path: 'public/range', options: { bytesRange: { start: 3 * MIB, end: 4 * MIB } } }).result, 'InvalidRange');
  const seen = [];
  assert.ok((await bytes('public/range', { onProgress: (event) => seen.push(event) })).equals(data));
  const task = downloadData({ path: 'public/range' });
  task.cancel('enough');
  await assert.rejects(task.result);
  await refused(downloadData({ path: 'public/none' }).result, 'NoSuchKey');
});

test('checksums, and no overwriting', async () => {
  const path = 'public/once.txt';
  await put(path, 'first', { preventOverwrite: true, checksumAlgorithm: 'crc-32' });
  await refused(put(path, 'second', { preventOverwrite: true }), 'PreconditionFailed');
  assert.equal(await text(path), 'first');
  await put(path, 'third');
  assert.equal(await text(path), 'third');
});

test('URLs: existence, headers, expiry, PUT', async () => {
  const path = 'public/url.txt';
  await put(path, 'by URL', { contentType: 'text/plain' });
  await refused(getUrl({ path: 'public/none.txt', options: { validateObjectExistence: true } }), 'NotFound');
  assert.equal((await fetch((await getUrl({ path: 'public/none.txt' })).url)).status, 404);
  const options = { validateObjectExistence: true, contentType: 'text/css', cacheControl: 'no-store', contentDisposition: { type: 'attachment', filename: 'a.css' } };
  const { url, expiresAt } = await getUrl({ path, options });
  const minutes = (expiresAt - Date.now()) / 60_000;
  assert.ok(minutes > 14 && minutes < 16);
  const got = await fetch(url);
  assert.deepEqual([got.status, await got.text()], [200, 'by URL']);
  assert.deepEqual(['content-type', 'cache-control', 'content-disposition'].map((name) => got.headers.get(name)),
    ['text/css', 'no-store', 'attachment; filename="a.css"']);
  assert.equal((await fetch(url, { method: 'PUT', body: 'x' })).status, 403);
  assert.equal((await fetch(String(url).replace('url.txt', 'once.txt'))).status, 403);

  const { url: target } = await getUrl({ path: 'public/put.txt', options: { method: 'PUT', contentType: 'text/plain' } });
  assert.equal((await fetch(target, { method: 'POST', body: 'sent' })).status, 403);
  assert.equal((await fetch(target, { method: 'PUT', body: 'sent', headers: { 'content-type': 'text/plain' } })).status, 200);
  assert.equal(await text('public/put.txt'), 'sent');

  const short = (await getUrl({ path, options: { expiresIn: 1 } })).url;
  assert.equal((await fetch(short)).status, 200);
  let late;
  for (const deadline = Date.now() + 10_000; Date.now() < deadline && late?.status !== 403; ) late = await fetch(short);
  assert.equal(late.status, 403);
  assert.match(await late.text(), /<Code>AccessDenied<\/Code><Message>Request has expired<\/Message>/);
});

test('a URL is judged when it is used', async () => {
  const other = await storage.member();
  await auth.signOut();
  await auth.signIn({ username: other.username, password: PASSWORD });
  const path = ({ identityId }) => `profile-pictures/${identityId}/x`;
  await put(path, 'mine');
  const { url } = await getUrl({ path });
  const inbox = (await getUrl({ path: 'public/admin/x', options: { method: 'PUT' } })).url;
  assert.equal((await fetch(url)).status, 200);
  assert.equal((await fetch(inbox, { method: 'PUT', body: 'x' })).status, 403, 'signed by nobody who may');
  await auth.signOut({ global: true });
  await auth.signIn({ username: user.username, password: PASSWORD });
  assert.equal((await fetch(url)).status, 200, 'credentials outlive the session, as Cognito\'s do');
});

test('lists: pages, all, subpaths', async () => {
  const keys = Array.from({ length: 25 }, (_, i) => `public/list/${String(i).padStart(2, '0')}`);
  const deep = ['public/list/a/1', 'public/list/a/b/2', 'public/list/z/3'];
  for (const path of [...keys, ...deep]) await put(path, path);
  const paths = ({ items }) => items.map(({ path }) => path);
  const pages = [];
  let nextToken;
  do {
    const page = await list({ path: 'public/list/', options: { pageSize: 10, nextToken } });
    pages.push(paths(page));
    nextToken = page.nextToken;
  } while (nextToken);
  assert.deepEqual([pages.map((page) => page.length), pages.flat()], [[10, 10, 8], [...keys, ...deep]]);
  const all = await list({ path: 'public/list/', options: { listAll: true } });
  assert.deepEqual(paths(all), [...keys, ...deep]);
  assert.deepEqual([all.items[0].size, typeof all.items[0].eTag, all.items[0].lastModified instanceof Date], [14, 'string', true]);
  const flat = await list({ path: 'public/list/', options: { listAll: true, subpathStrategy: { strategy: 'exclude' } } });
  assert.deepEqual([paths(flat), flat.excludedSubpaths], [keys, ['public/list/a/', 'public/list/z/']]);
  const dashed = await list({ path: 'public/li', options: { listAll: true, subpathStrategy: { strategy: 'exclude', delimiter: 'st/' } } });
  assert.deepEqual([paths(dashed), dashed.excludedSubpaths], [[], ['public/list/']]);
  assert.deepEqual(paths(await list({ path: 'public/nothing/' })), []);
  await refused(list({ path: 'inbox/' }), 'AccessDenied');
});

test('remove: an object, what is not there, a folder', async () => {
  await put('public/gone.txt', 'x');
  assert.deepEqual(await remove({ path: 'public/gone.txt' }), { path: 'public/gone.txt' });
  await missing('public/gone.txt');
  await remove({ path: 'public/gone.txt' });
  const inside = ['public/folder/1', 'public/folder/2 &', 'public/folder/deep/3'];
  for (const path of [...inside, 'public/folder-not']) await put(path, 'x');
  const told = [];
  await remove({ path: 'public/folder/', options: { onProgress: (event) => told.push(event) } });
  assert.deepEqual(told.map(({ deleted, failed }) => [deleted.length, failed.length]), [[3, 0]]);
  assert.deepEqual((await list({ path: 'public/folder/' })).items, []);
  assert.equal((await list({ path: 'public/folder' })).items.length, 1);
  for (const path of inside) await put(path, 'x');
  await remove({ path: 'public/folder' });
  assert.deepEqual((await list({ path: 'public/folder/' })).items, []);
  assert.equal(await text('public/folder-not'), 'x');
});

test('every bucket by its name, with the configuration as servers of frameworks parse it', async () => {
  const { parseAmplifyConfig } = await import('aws-amplify/utils');
  Amplify.configure(parseAmplifyConfig(storage.outputs));
  const prefixes = { files: 'public/', archive: 'docs/' };
  assert.deepEqual(storage.outputs.storage.buckets.map(({ name }) => name).sort(), Object.keys(prefixes).sort());
  for (const [bucket, prefix] of Object.entries(prefixes)) {
    const path = `${prefix}named/${bucket}`;
    await put(path, bucket, { bucket });
    assert.equal(await text(path, { bucket }), bucket);
    assert.equal((await getProperties({ path, options: { bucket } })).size, bucket.length);
    assert.deepEqual((await list({ path: `${prefix}named/`, options: { bucket } })).items.map((item) => item.path), [path]);
    const { url } = await getUrl({ path, options: { bucket } });
    assert.equal(url.host, `s3.localhost:${storage.port}`);
    assert.equal(await (await fetch(url)).text(), bucket);
    await remove({ path, options: { bucket } });
    await missing(path, { bucket });
  }
});

test('several buckets, by name and by address', async () => {
  const bucket = 'archive';
  const path = 'docs/both.txt';
  await put(path, 'in the archive', { bucket });
  await refused(put(path, 'x'), 'AccessDenied');
  assert.equal(await text(path, { bucket }), 'in the archive');
  const { bucketName, region } = storage.outputs.Storage.S3.buckets.archive;
  assert.equal(await text(path, { bucket: { bucketName, region } }), 'in the archive');
  assert.equal(await (await fetch((await getUrl({ path, options: { bucket } })).url)).text(), 'in the archive');
  assert.deepEqual((await list({ path: 'docs/', options: { bucket } })).items.map((item) => item.path), [path]);
  await refused(text('public/hello.txt', { bucket }), 'AccessDenied');
  await put('docs/folder/1', 'x', { bucket });
  await remove({ path: 'docs/folder/', options: { bucket } });
  assert.deepEqual((await list({ path: 'docs/folder/', options: { bucket } })).items, []);
  await remove({ path, options: { bucket } });
  await refused(text(path, { bucket: 'nowhere' }), 'InvalidStorageBucket');
});

test('the owner that is expected', async () => {
  const account = '000000000000';
  await put('public/owned', 'x', { expectedBucketOwner: account });
  assert.equal(await text('public/owned', { expectedBucketOwner: account }), 'x');
  await refused(text('public/owned', { expectedBucketOwner: '111111111111' }), 'AccessDenied');
});

test('copy', async () => {
  const source = 'public/source a&b.txt';
  const { eTag } = await put(source, 'copied', { contentType: 'text/css', metadata: { a: 'b' } });
  assert.deepEqual(await copy({ source: { path: source }, destination: { path: ({ identityId }) => `profile-pictures/${identityId}/copy` } }),
    { path: `profile-pictures/${user.identityId}/copy` });
  const got = await downloadData({ path: ({ identityId }) => `profile-pictures/${identityId}/copy` }).result;
  assert.deepEqual([await got.body.text(), got.contentType, got.metadata], ['copied', 'text/css', { a: 'b' }]);
  await copy({ source: { path: source, bucket: 'files', eTag }, destination: { path: 'docs/copy', bucket: 'archive' } });
  assert.equal(await text('docs/copy', { bucket: 'archive' }), 'copied');
  const destination = { path: 'public/copy' };
  await refused(copy({ source: { path: source, eTag: '"00000000000000000000000000000000"' }, destination }), 'PreconditionFailed');
  await refused(copy({ source: { path: source, notModifiedSince: new Date(Date.now() - 3_600_000) }, destination }), 'PreconditionFailed');
  await refused(copy({ source: { path: 'public/none' }, destination }), 'NoSuchKey');
  await refused(copy({ source: { path: 'inbox/x' }, destination }), 'AccessDenied');
  await refused(copy({ source: { path: source }, destination: { path: 'inbox/x' } }), 'AccessDenied');
});

test('parts: checksums, no overwriting', async () => {
  const data = randomBytes(12 * MIB);
  const path = 'public/large';
  const stored = await put(path, data, { contentType: 'video/mp4', metadata: { a: 'b' } });
  assert.match(stored.eTag, /^"[0-9a-f]{32}-3"$/);
  assert.ok((await bytes(path)).equals(data));
  assert.ok((await bytes(path, { bytesRange: { start: 5 * MIB - 3, end: 10 * MIB + 3 } })).equals(data.subarray(5 * MIB - 3, 10 * MIB + 4)));
  const { size, contentType, metadata } = await getProperties({ path });
  assert.deepEqual([size, contentType, metadata], [data.length, 'video/mp4', { a: 'b' }]);
  await refused(put(path, randomBytes(6 * MIB), { preventOverwrite: true }), 'PreconditionFailed');
  await put('public/summed', data, { checksumAlgorithm: 'crc-32', preventOverwrite: true });
  assert.ok((await bytes('public/summed')).equals(data));
  await copy({ source: { path }, destination: { path: 'public/large copy' } });
  assert.ok((await bytes('public/large copy')).equals(data));
});

test('parts: pause, resume, cancel', async () => {
  const data = randomBytes(22 * MIB);
  // In Node the client tells no progress: the first part that has arrived is seen from outside.
  const start = (path) => {
    const { fetch } = globalThis;
    const begun = new Promise((resolve) => {
      globalThis.fetch = async (...args) => {
        const answer = await fetch(...args);
        if (String(args[0]?.url ?? args[0]).includes('partNumber=')) resolve();
        return answer;
      };
    }).finally(() => (globalThis.fetch = fetch));
    return { task: uploadData({ path, data }), begun };
  };
  const { task, begun: some } = start('public/paused');
  await some;
  task.pause();
  assert.equal(task.state, 'PAUSED');
  task.resume();
  assert.equal(task.state, 'IN_PROGRESS');
  await task.result;
  assert.equal(task.state, 'SUCCESS');
  assert.ok((await bytes('public/paused')).equals(data));

  const second = start('public/cancelled');
  await second.begun;
  second.task.cancel();
  await assert.rejects(second.task.result, (error) => files.isCancelError(error));
  await missing('public/cancelled');
});

test('a guest reads what guests may, and nothing else', async () => {
  await put('public/for-all.txt', 'for all');
  await put(({ identityId }) => `profile-pictures/${identityId}/p.png`, 'picture');
  await asGuest(async () => {
    assert.equal(await text('public/for-all.txt'), 'for all');
    assert.ok((await list({ path: 'public/' })).items.length > 0);
    assert.equal(await text(`profile-pictures/${user.identityId}/p.png`), 'picture');
    await refused(list({ path: `profile-pictures/${user.identityId}/` }), 'AccessDenied');
    await put('inbox/note', 'x');
    await refused(text('inbox/note'), 'AccessDenied');
    for (const path of ['public/x', `profile-pictures/${user.identityId}/p.png`, 'none/x']) {
      await refused(put(path, 'x'), 'AccessDenied');
      await refused(remove({ path }), 'AccessDenied');
    }
    await refused(text('docs/x', { bucket: 'archive' }), 'AccessDenied');
  });
  assert.equal(await text(`profile-pictures/${user.identityId}/p.png`), 'picture');
});
