// The loader that stays: changes, errors, recovery, new and removed files, its end.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Resident, fixture, projectOf, temporary, write } from './support.mjs';

const edit = (root, file, from, to) => {
  const full = path.join(root, file);
  const text = fs.readFileSync(full, 'utf8');
  assert.ok(text.includes(from));
  fs.writeFileSync(full, text.replace(from, to));
};

test('a change, an error, the recovery', async (t) => {
  const root = fixture(t, 'todo');
  const loader = new Resident(t, root);
  assert.equal((await loader.outcome()).event, 'manifest');

  edit(root, 'amplify/data/resource.ts', 'done: a.boolean(),', 'done: a.boolean(),\n      due: a.date(),');
  const changed = await loader.outcome();
  assert.deepEqual([changed.event, changed.changed, changed.files], ['manifest', true, ['amplify/data/resource.ts']]);
  assert.match(loader.manifest().data.sdl, /due: AWSDate/);

  edit(root, 'amplify/data/resource.ts', 'a.date()', 'a.date(');
  const broken = await loader.outcome();
  assert.equal(broken.event, 'error');
  assert.deepEqual([broken.errors[0].code, broken.errors[0].file], ['SyntaxError', 'amplify/data/resource.ts']);
  assert.match(loader.manifest().data.sdl, /due: AWSDate/, 'the last good manifest stays');

  edit(root, 'amplify/data/resource.ts', 'a.date(', 'a.datee()');
  const thrown = await loader.outcome();
  assert.deepEqual([thrown.errors[0].message, thrown.errors[0].line], ['a.datee is not a function', 8]);

  edit(root, 'amplify/data/resource.ts', 'a.datee()', 'a.datetime()');
  const recovered = await loader.outcome();
  assert.deepEqual([recovered.event, recovered.changed], ['manifest', true]);
  assert.match(loader.manifest().data.sdl, /due: AWSDateTime/);

  assert.equal(await loader.stop(), 0);
  assert.deepEqual(loader.events, []);
});

test('warm rebuilds, and how long they take (told, not judged: bench measures)', async (t) => {
  const root = fixture(t, 'blog');
  const begun = performance.now();
  const loader = new Resident(t, root);
  await loader.outcome();
  const first = performance.now() - begun;
  const times = [];
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    fs.appendFileSync(path.join(root, 'amplify/data/resource.ts'), `\n// round ${round}`);
    assert.equal((await loader.outcome()).event, 'manifest');
    times.push(performance.now() - start);
  }
  t.diagnostic(`first ${first.toFixed(0)} ms, from saving to the event: ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
});

test('a new file that was missing, in a new folder', async (t) => {
  const root = projectOf(t, {
    'amplify/backend.ts': `import { defineBackend } from '@aws-amplify/backend';\nimport { data } from './data/resource';\ndefineBackend({ data });`,
  });
  const loader = new Resident(t, root);
  assert.equal((await loader.outcome()).errors[0].code, 'ModuleNotFoundError');
  write(root, {
    'amplify/data/resource.ts': `import { defineData } from '@aws-amplify/backend';\nexport const data = defineData({ schema: 'type T @model @auth(rules: [{allow: public}]) { id: ID! }' });`,
  });
  let result = await loader.outcome();
  // The folder may be noticed before the file in it is written.
  while (result.event === 'error') {
    result = await loader.outcome();
  }
  assert.deepEqual([result.event, result.changed], ['manifest', true]);

  fs.rmSync(path.join(root, 'amplify/data'), { recursive: true });
  assert.equal((await loader.outcome()).event, 'error');
});

test('folders taken away and put back, as by a change of branches, are followed further', async (t) => {
  const root = fixture(t, 'todo');
  const loader = new Resident(t, root);
  const at = (name) => path.join(root, name);
  // Events are as many as the burst gives; the last one tells what the files say in the end.
  const until = async (wanted) => {
    while (!JSON.stringify(await loader.outcome()).includes(wanted) && !loader.manifest().data.sdl.includes(wanted));
  };
  let round = 0;
  const follows = async () => {
    round++;
    edit(root, 'amplify/data/resource.ts', 'done: a.boolean(),', `done: a.boolean(),\n      round${round}: a.date(),`);
    await until(`round${round}: AWSDate`);
  };
  await follows();

  fs.cpSync(at('amplify'), at('kept'), { recursive: true });
  fs.rmSync(at('amplify'), { recursive: true });
  await until('There is no amplify folder');
  fs.renameSync(at('kept'), at('amplify'));
  await follows();

  fs.renameSync(at('amplify/data'), at('away'));
  await until('ModuleNotFoundError');
  fs.renameSync(at('away'), at('amplify/data'));
  await follows();

  fs.cpSync(at('amplify/data'), at('new'), { recursive: true });
  fs.renameSync(at('amplify/data'), at('old'));
  fs.renameSync(at('new'), at('amplify/data'));
  await follows();

  fs.cpSync(at('amplify'), at('kept'), { recursive: true });
  fs.rmSync(at('amplify'), { recursive: true });
  fs.renameSync(at('kept'), at('amplify'));
  await follows();
});

test('inputs outside of amplify/, resolvers, and saving by renaming', async (t) => {
  const root = fixture(t, 'paths');
  const loader = new Resident(t, root);
  await loader.outcome();
  fs.writeFileSync(path.join(root, 'src/groups.ts.new'), `export const groups = ['editors', 'owners'];`);
  fs.renameSync(path.join(root, 'src/groups.ts.new'), path.join(root, 'src/groups.ts'));
  const changed = await loader.outcome();
  assert.deepEqual([changed.changed, changed.files], [true, ['src/groups.ts']]);
  assert.equal(loader.manifest().auth.groups.length, 2);

  const other = fixture(t, 'combined');
  const second = new Resident(t, other);
  await second.outcome();
  const before = second.manifest().data.jsFunctions[0].handlers[0];
  edit(other, 'amplify/data/resolvers/paths.js', '/v1/', '/v2/');
  assert.equal((await second.outcome()).changed, true);
  const after = second.manifest().data.jsFunctions[0].handlers[0];
  assert.notEqual(after.hash, before.hash);
  assert.match(fs.readFileSync(after.out, 'utf8'), /\/v2\//);
});

test('a project that is not there yet', async (t) => {
  const root = temporary(t);
  const loader = new Resident(t, root);
  assert.equal((await loader.outcome()).errors[0].code, 'PathNotFoundError');
  write(root, { 'amplify/backend.ts': `import { defineBackend } from '@aws-amplify/backend';\ndefineBackend({});` });
  let result = await loader.outcome();
  while (result.event === 'error') {
    result = await loader.outcome();
  }
  assert.equal(result.event, 'manifest');
});

test('files that do not matter start nothing', async (t) => {
  const root = fixture(t, 'todo');
  const loader = new Resident(t, root);
  await loader.outcome();
  write(root, {
    'notes.txt': 'x',
    'amplify/data/.#resource.ts': 'x',
    'amplify/resource.ts~': 'x',
    '.amplify/x.ts': 'x',
    'amplify/node_modules/x/index.js': 'x',
  });
  fs.utimesSync(path.join(root, 'amplify/data/resource.ts'), new Date(), new Date(1e12));
  const result = await loader.outcome();
  assert.deepEqual(result.files, ['amplify/data/resource.ts'], 'only the touched definition');
  assert.equal(result.changed, false);
});

test('definitions that hang in a timer or keep state do not disturb the next build', async (t) => {
  const root = projectOf(t, {
    'amplify/backend.ts': `import { defineAuth, defineBackend } from '@aws-amplify/backend';\n(globalThis as any).count = ((globalThis as any).count ?? 0) + 1;\nsetInterval(() => {}, 1000);\nconst b = defineBackend({ auth: defineAuth({ loginWith: { email: true } }) });\nb.addOutput({ custom: { count: String((globalThis as any).count) } });`,
  });
  const loader = new Resident(t, root);
  await loader.outcome();
  edit(root, 'amplify/backend.ts', '1000', '2000');
  await loader.outcome();
  assert.equal(loader.manifest().outputs[0].custom.count, '1');
  assert.equal(await loader.stop(), 0);
});

test('types are checked beside, where the project can check them', async (t) => {
  const root = fixture(t, 'todo');
  const packages = path.join(root, 'node_modules');
  const backend = path.join(packages, '@aws-amplify', 'backend');
  fs.mkdirSync(backend, { recursive: true });
  fs.symlinkSync(new URL('./node_modules/typescript', import.meta.url).pathname, path.join(packages, 'typescript'));
  const compilerOptions = { strict: true, noImplicitAny: false, module: 'esnext', moduleResolution: 'bundler', types: [] };
  write(root, { 'amplify/tsconfig.json': JSON.stringify({ compilerOptions }) });
  fs.writeFileSync(path.join(backend, 'package.json'), '{"name":"@aws-amplify/backend","types":"index.d.ts"}');
  fs.writeFileSync(path.join(backend, 'index.d.ts'), 'export const a: any, defineBackend: any, defineData: any; export type ClientSchema<T> = T;');
  write(root, { 'amplify/extra.ts': "export const count: number = 'three';\n" });
  fs.appendFileSync(path.join(root, 'amplify/backend.ts'), "\nimport './extra';\n");
  const loader = new Resident(t, root);
  assert.equal((await loader.outcome()).event, 'manifest', 'served before the types are known');
  const told = await loader.next();
  assert.deepEqual(told.errors.map(({ file, line, column }) => [file, line, column]), [['amplify/extra.ts', 1, 14]]);
  assert.match(told.errors[0].message, /^TS2322: Type 'string' is not assignable to type 'number'/);
  write(root, { 'amplify/extra.ts': 'export const count: number = 3;\n' });
  assert.equal((await loader.outcome()).event, 'manifest');
  assert.deepEqual((await loader.next()).errors, []);
  assert.equal(await loader.stop(), 0);
});
