// appsync policies of users and guests, against those of the AmplifyData construct, for every schema of the oracle.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Host } from '../iam/host.mjs';
import { loadSchemas } from '../oracle/lib/schemas.mjs';
import { manifestOf, officialPolicies } from './official.mjs';
import { AUTH, IDS, makeRoles, plain, role } from './support.mjs';

const host = await Host.start();
after(async () => assert.equal(await host.close(), 0));

const guests = `
type Note @model @auth(rules: [{allow: public, provider: identityPool, operations: [read]}, {allow: owner}]) {
  id: ID! @primaryKey @auth(rules: [{allow: public, provider: identityPool}, {allow: private, provider: identityPool}, {allow: owner}])
  text: String
  secret: String @auth(rules: [{allow: private, provider: identityPool}])
  place: Place
  tag: String @index(name: "byTag", queryField: "notesByTag")
  board: Board @belongsTo(references: ["boardId"])
  boardId: ID
}
type Board @model @auth(rules: [{allow: private, provider: iam}]) { id: ID! @primaryKey notes: [Note] @hasMany(references: ["boardId"]) }
type Quiet @model(subscriptions: {level: off}, mutations: {delete: null}, queries: {list: "allQuiet"}) @auth(rules: [{allow: public, provider: iam}]) { id: ID! @primaryKey }
type Loud @model(subscriptions: {level: public}) @auth(rules: [{allow: private, provider: identityPool}]) { id: ID! @primaryKey }
type Place { name: String inner: Inner }
type Inner { place: Place deep: [Deep] }
type Deep { n: Int }
type Query { echo(text: String): Place @function(name: "echo") @auth(rules: [{allow: public, provider: identityPool}]) }
type Mutation { shout(text: String): String @function(name: "echo") @auth(rules: [{allow: private, provider: identityPool}, {allow: private}]) }
`;
const many = Array.from({ length: 40 }, (_, i) =>
  `type Thing${i} @model @auth(rules: [{allow: ${i % 3 ? 'private' : 'public'}, provider: identityPool}]) { id: ID! @primaryKey parts: Part${i % 7} }`,
).join('\n') + Array.from({ length: 7 }, (_, i) => `\ntype Part${i} { a: Int }`).join('');

const schemas = [
  { name: 'guests', sdl: guests, modes: [['userPool', 'apiKey'], ['iam', 'userPool']] },
  { name: 'many', sdl: many, modes: [['userPool']] },
  ...(await loadSchemas((name) => !name.startsWith('unservable'))),
];

let compared = 0;
let named = 0;
let decided = 0;
for (const { name, sdl, modes } of schemas) {
  for (const given of modes.filter((list) => list.includes('userPool'))) {
    test(`${name} (${given})`, async () => {
      const official = officialPolicies(sdl, given);
      const ours = makeRoles(manifestOf(sdl, given));
      assert.equal(ours.error, undefined);
      for (const kind of ['authRole', 'unauthRole']) {
        assert.deepEqual(ours.roles[role(kind)].map((document) => plain(document)), official[kind], kind);
        compared++;
        named += official[kind].length;
      }
    });
  }
}

test('the schemas have enough of such rules', () => assert.ok(compared >= 30 && named >= 12, `${compared}, ${named}`));

test('both decide alike', async () => {
  const official = officialPolicies(guests, ['userPool']);
  const ours = makeRoles(manifestOf(guests, ['userPool'])).roles;
  const types = ['Query', 'Mutation', 'Subscription', 'Note', 'Board', 'Quiet', 'Place', 'Inner', 'Deep', 'ModelNoteConnection', 'Other'];
  const fields = ['getNote', 'listNotes', 'notesByTag', 'createNote', 'deleteNote', 'updateBoard', 'onCreateNote', 'onDeleteQuiet', 'onCreateLoud', 'deleteQuiet', 'allQuiet', 'echo', 'shout', 'id', 'secret', 'x'];
  for (const kind of ['authRole', 'unauthRole']) {
    const principal = { kind: kind === 'authRole' ? 'authenticated' : 'guest', identityId: 'us-east-1:me' };
    for (const api of [IDS.api, `${IDS.api}4`]) {
      for (const type of types) {
        const resources = [...fields.map((field) => `${api}/types/${type}/fields/${field}`), `${api}/types/${type}/*`];
        for (const resource of resources) {
          for (const action of ['appsync:GraphQL', 'appsync:GetDataSource']) {
            const ask = (policies) => host.send({ cmd: 'may', principal, policies, action, resource });
            const [mine, theirs] = await Promise.all([
              ask(ours[role(kind)]),
              ask(official[kind].map((Statement) => ({ Version: '2012-10-17', Statement }))),
            ]);
            assert.equal(mine, theirs, `${kind} ${action} ${resource}`);
            decided += 1;
          }
        }
      }
    }
  }
  assert.ok(decided >= 1000, `${decided}`);
});

test('functions that are allowed to use the API', () => {
  const data = { ...manifestOf(guests, ['userPool']).data, functionAccess: [
    { function: 'f', actions: ['query', 'listen'] }, { function: 'g', actions: ['mutate'] },
  ] };
  const { roles } = makeRoles({ auth: { ...AUTH }, data, functions: { f: {}, g: {}, h: {} } });
  const expected = (...types) => [[
    { Effect: 'Allow', Action: ['appsync:GraphQL'], Resource: types.map((type) => `${IDS.api}/types/${type}/*`) },
    { Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::amplify-introspection/modelIntrospectionSchema.json'] },
  ]];
  assert.deepEqual(roles['amplify-f-functionRole'].map((one) => plain(one)), expected('Query', 'Subscription'));
  assert.deepEqual(roles['amplify-g-functionRole'].map((one) => plain(one)), expected('Mutation'));
  assert.deepEqual(roles['amplify-h-functionRole'], []);
});
