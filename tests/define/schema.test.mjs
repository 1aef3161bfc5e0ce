// data.sdl against what the official schema builder gives when nothing of ours is between.
import esbuild from '../../js/node_modules/esbuild/lib/main.js';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fixture, load, projectOf, temporary } from './support.mjs';

const modules = fileURLToPath(new URL('../../js/node_modules', import.meta.url));
const direct = `
export * from '@aws-amplify/data-schema';
export const defineData = (props) => (globalThis.captured = props);
export const defineFunction = () => ({ getInstance() {} });
export const defineAuth = () => ({});
`;

/** The SDL of a data/resource.ts, by the builder alone. */
async function official(t, root) {
  const folder = temporary(t);
  fs.writeFileSync(path.join(folder, 'direct.mjs'), direct);
  const outfile = path.join(folder, 'resource.mjs');
  await esbuild.build({
    entryPoints: [path.join(root, 'amplify/data/resource.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    nodePaths: [modules],
    alias: { '@aws-amplify/backend': path.join(folder, 'direct.mjs') },
  });
  await import(pathToFileURL(outfile).href);
  const { schema } = globalThis.captured;
  return (schema.schemas ?? [schema]).map((one) => one.transform().schema.trim()).join('\n\n') + '\n';
}

for (const name of ['todo', 'blog', 'cdk', 'combined']) {
  test(`the SDL of ${name}`, async (t) => {
    const root = fixture(t, name);
    const { manifest } = await load(root);
    assert.equal(manifest.data.sdl, await official(t, root));
  });
}

/** A schema that uses what the builder has. */
const large = `
import { a, defineData, defineFunction } from '@aws-amplify/backend';
const fn = defineFunction({ entry: './fn.ts' });
const schema = a.schema({
  Kind: a.enum(['a', 'b']),
  Place: a.customType({ lat: a.float().required(), long: a.float().required(), kind: a.enum(['x', 'y']) }),
  Every: a.model({
    string: a.string().default('s'), int: a.integer().required(), float: a.float(), bool: a.boolean(), date: a.date(), time: a.time(),
    datetime: a.datetime(), stamp: a.timestamp(), email: a.email(), json: a.json(), phone: a.phone(), url: a.url(), ip: a.ipAddress(),
    list: a.string().array(), must: a.string().required().array().required(), kind: a.ref('Kind'), place: a.ref('Place'), places: a.ref('Place').array(),
    inline: a.enum(['one', 'two']), secret: a.string().authorization((allow) => [allow.owner()]), owner: a.string(),
  }).authorization((allow) => [
    allow.owner(), allow.ownerDefinedIn('owner'), allow.ownersDefinedIn('list').to(['read']), allow.group('G'), allow.groups(['A', 'B']).to(['create']),
    allow.groupDefinedIn('string'), allow.groupsDefinedIn('list'), allow.authenticated('identityPool'), allow.guest().to(['read']), allow.custom(), allow.publicApiKey(),
  ]),
  Many: a.model({ tags: a.hasMany('Link', 'manyId'), one: a.hasOne('Single', 'manyId') }).disableOperations(['subscriptions', 'delete']),
  Tag: a.model({ links: a.hasMany('Link', 'tagId') }),
  Link: a.model({ manyId: a.id().required(), tagId: a.id().required(), many: a.belongsTo('Many', 'manyId'), tag: a.belongsTo('Tag', 'tagId') }),
  Single: a.model({ manyId: a.id(), many: a.belongsTo('Many', 'manyId') }).secondaryIndexes((i) => [i('manyId').name('byMany').queryField('singleByMany')]),
  call: a.query().arguments({ place: a.json(), n: a.integer().required() }).returns(a.ref('Every').array()).handler(a.handler.function(fn)).authorization((allow) => [allow.authenticated()]),
  change: a.mutation().arguments({ kind: a.ref('Kind') }).returns(a.ref('Tag')).handler([a.handler.function(fn).async()]).authorization((allow) => [allow.group('G')]),
  told: a.subscription().for(a.ref('Tag').mutations(['create', 'update'])).handler(a.handler.custom({ entry: './told.js' })).authorization((allow) => [allow.publicApiKey()]),
  chat: a.conversation({ aiModel: a.ai.model('Claude 3 Haiku'), systemPrompt: 'You help.' }).authorization((allow) => allow.owner()),
  write: a.generation({ aiModel: a.ai.model('Claude 3 Haiku'), systemPrompt: 'You write.' }).arguments({ x: a.string() }).returns(a.string()).authorization((allow) => allow.authenticated()),
}).authorization((allow) => [allow.authenticated(), allow.resource(fn)]);
export const data = defineData({ schema, authorizationModes: { defaultAuthorizationMode: 'apiKey' } });
`;

test('the SDL of a schema with every kind of thing in it', async (t) => {
  const root = projectOf(t, {
    'amplify/backend.ts': `import { defineAuth, defineBackend } from '@aws-amplify/backend';\nimport { data } from './data/resource';\ndefineBackend({ data });`,
    'amplify/data/resource.ts': large,
    'amplify/data/fn.ts': 'export const handler = async () => null;',
    'amplify/data/told.js':
      'export const request = () => ({ payload: null });\nexport const response = (ctx) => ctx.result;',
  });
  const { manifest } = await load(root);
  assert.equal(manifest.data.sdl, await official(t, root));
  assert.deepEqual(Object.values(manifest.data.functionMap), ['fn', 'fn']);
});
