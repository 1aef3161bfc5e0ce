// Schema building: the same acceptance as graphql-js's buildSchema and validateSchema, and
// introspection of a schema as the data service makes them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema, validateSchema } from 'graphql';
import { Host } from './host.mjs';

const host = new Host();
after(async () => assert.equal(await host.close(), 0));

function theirError(sdl) {
  try {
    return validateSchema(buildSchema(sdl))[0]?.message;
  } catch (e) {
    return e.message;
  }
}

const Q = 'type Query { a: Int }';

function rule(name, cases, stricter = []) {
  test(name, async () => {
    const failed = [];
    for (const sdl of cases) {
      const { error } = await host.schema(sdl);
      const theirs = theirError(sdl);
      if ((error === undefined) !== (theirs === undefined)) failed.push(`${sdl}\n  ours: ${error}\n  theirs: ${theirs}`);
    }
    for (const sdl of stricter) {
      const { error } = await host.schema(sdl);
      if (error === undefined || theirError(sdl) !== undefined) failed.push(`${sdl}\n  not stricter: ${error} / ${theirError(sdl)}`);
    }
    assert.equal(failed.length, 0, failed.join('\n'));
  });
}

rule('root types', [
  Q, 'type A { a: Int }', 'schema { query: A } type A { a: Int }', 'schema { query: A mutation: B subscription: C } type A { a: Int } type B { a: Int } type C { a: Int }', 'schema { query: Nope } ' + Q, 'schema { mutation: A } type A { a: Int } ' + Q, 'schema { query: A } input A { a: Int }', 'schema { query: A } interface A { a: Int }',
  'scalar Query', 'enum Mutation { A } ' + Q, 'schema { query: Query query: Query } ' + Q, 'schema { query: Query } schema { query: Query } ' + Q, 'schema { query: A } type A { a: Int } scalar Mutation', 'extend schema { mutation: M } type M { a: Int } ' + Q,
  'schema { query: Query } extend schema { mutation: M } type M { a: Int } ' + Q, 'schema { query: Query } extend schema { query: Query } ' + Q, '',
], ['schema { query: Query mutation: Query } ' + Q]); // section 3.3.1

rule('names', [
  ...['type __T { a: Int }', 'type T { __a: Int }', 'type T { a(__b: Int): Int }', 'enum E { __A }', 'input I { __a: Int }', 'directive @__d on FIELD', 'directive @d(__a: Int) on FIELD', 'scalar __S', 'union __U = Query', 'interface __I { a: Int }', 'type _T { _a: Int }', 'extend type Query { __b: Int }', 'type T { true: Int } type U { null: T }'].map((x) => `${x} ${Q}`),
]);

rule('duplicates and unknown types', [
  ...['type A { a: Int } type A { b: Int }', 'type A { a: Int } scalar A', 'type A { a: Int a: Int }', 'type A { a(b: Int, b: Int): Int }', 'input A { a: Int a: Int }', 'enum A { X X }', 'directive @d on FIELD directive @d on QUERY', 'directive @d(a: Int, a: Int) on FIELD', 'type A { a: Int } extend type A { a: Int }', 'enum A { X } extend enum A { X }', 'input A { a: Int } extend input A { a: Int }',
    'type A { a: Nope }', 'type A { a(b: Nope): Int }', 'type A implements Nope { a: Int }', 'union U = Nope', 'input A { a: [Nope!] }', 'directive @d(a: Nope) on FIELD', 'scalar Int', 'scalar ID scalar Boolean scalar String scalar Float', 'directive @skip(if: Boolean!) on FIELD', 'directive @deprecated(reason: String = "x") on FIELD_DEFINITION', 'directive @include(other: Int) on FIELD', 'scalar S scalar S',
    'interface A { a: Int a: Int }', 'type A { a: String b: [ID!]! c: Float d: Boolean e: Int }'].map((x) => `${x} ${Q}`),
]);

rule('empty types', [
  ...['type A', 'interface A', 'input A', 'enum A', 'union A', 'type A extend type A { a: Int }', 'input A extend input A { a: Int }', 'enum A extend enum A { X }', 'union A extend union A = Query', 'interface A extend interface A { a: Int }', 'scalar A'].map((x) => `${x} ${Q}`),
]);

rule('input and output places', [
  ...['input I { a: Int } type A { a: I }', 'type A { a(b: Query): Int }', 'input I { a: Query }', 'interface F { a: Int } input I { a: F }', 'union U = Query input I { a: U }', 'directive @d(a: Query) on FIELD', 'enum E { X } scalar S input I { e: E s: [S!]! i: I } type A { a(i: I, e: [E]): E s: S }', 'interface F { a(b: F): Int }'].map((x) => `${x} ${Q}`),
]);

rule('interfaces', [
  ...['interface F { a: Int } type A implements F { a: Int }', 'interface F { a: Int } type A implements F { b: Int }', 'interface F { a: Int } type A implements F { a: String }', 'interface F { a: Int } type A implements F { a: Int! }', 'interface F { a: Int! } type A implements F { a: Int }', 'interface F { a: [Int] } type A implements F { a: [Int!]! }', 'interface F { a: [Int!] } type A implements F { a: [Int] }',
    'interface F { a: F } type A implements F { a: A }', 'interface F { a: A } type A implements F { a: A } ', 'interface F { a: [F] } type A implements F { a: [A!] }', 'interface F { a: F } interface G { b: Int } type A implements F & G { a: G b: Int }', 'union U = A interface F { a: U } type A implements F { a: A }', 'interface F { a: A } union U = A type A implements F { a: U }', 'interface F { a: [F] } type A implements F { a: A }',
    'interface F { a(b: Int): Int } type A implements F { a(b: Int): Int }', 'interface F { a(b: Int): Int } type A implements F { a: Int }', 'interface F { a(b: Int): Int } type A implements F { a(b: String): Int }', 'interface F { a(b: Int): Int } type A implements F { a(b: Int!): Int }', 'interface F { a: Int } type A implements F { a(b: Int): Int }', 'interface F { a: Int } type A implements F { a(b: Int!): Int }', 'interface F { a: Int } type A implements F { a(b: Int! = 1): Int }', 'interface F { a(b: [Int!]!): Int } type A implements F { a(b: [Int!]!): Int }',
    'interface F { a: Int } type A implements F & F { a: Int }', 'type B { a: Int } type A implements B { a: Int }', 'union U = Query type A implements U { a: Int }', 'interface F { a: Int } interface G implements F { a: Int }', 'interface F { a: Int } interface G implements F { b: Int }', 'interface F implements F { a: Int }', 'interface F implements G { a: Int } interface G implements F { a: Int }', 'interface F { a: Int } interface G implements F { a: Int } type A implements G { a: Int }', 'interface F { a: Int } interface G implements F { a: Int } type A implements F & G { a: Int }',
    'interface F { a: Int } interface G implements F { a: Int } interface H implements G { a: Int }', 'interface F { a: Int } type A { a: Int } extend type A implements F', 'interface F { a: Int } type A { b: Int } extend type A implements F', 'interface F { a: Int } type A implements F { a: Int } extend type A implements F', 'scalar S type A implements S { a: Int }', 'interface F { a: Int } extend interface F { b: Int } type A implements F { a: Int }', 'interface F { a: F } interface G implements F { a: G } type A implements F & G { a: A }'].map((x) => `${x} ${Q}`),
]);

rule('unions', ['union U = Query | Query', 'union U = Query', 'union U = U', 'scalar S union U = S', 'interface F { a: Int } union U = F', 'input I { a: Int } union U = I', 'type A { a: Int } union U = A | Query extend union U = A', 'type A { a: Int } union U = A extend union U = Query', 'union V = Query union U = V', 'enum E { X } union U = E'].map((x) => `${x} ${Q}`));

rule('input cycles', [
  ...['input A { a: A }', 'input A { a: A! }', 'input A { a: [A!]! }', 'input A { b: B! } input B { a: A! }', 'input A { b: B! } input B { a: A }', 'input A { b: B! } input B { c: C! } input C { d: D! } input D { a: A! }', 'input A { b: B! c: B! } input B { x: Int }', 'input A { b: B! } input B { b: B! }', 'input A { b: B } input B { b: C! } input C { b: B! }'].map((x) => `${x} ${Q}`),
], []);

rule('extensions', [
  ...['extend type Nope { a: Int }', 'extend scalar Query @d', 'extend enum Query { A }', 'extend type Query { b: Int }', 'scalar S extend type S { a: Int }', 'extend scalar Nope @specifiedBy(url: "a")', 'scalar S extend scalar S @specifiedBy(url: "a")', 'extend input Query { a: Int }', 'extend union Query = Query', 'extend interface Query { a: Int }', 'enum E { A } extend enum E { B }', 'input I { a: Int } extend input I { b: Int! = 2 }'].map((x) => `${x} ${Q}`).filter((x) => !x.includes('@d')),
]);

rule('directives', [
  ...['directive @d on OBJECT type A @d { a: Int }', 'directive @d on OBJECT type A { a: Int @d }', 'directive @d on FIELD_DEFINITION type A { a: Int @d }', 'directive @d on FIELD_DEFINITION type A { a: Int @d @d }', 'directive @d repeatable on FIELD_DEFINITION type A { a: Int @d @d }', 'directive @d(a: Int!) on OBJECT type A @d { a: Int }', 'directive @d(a: Int!) on OBJECT type A @d(a: 1) { a: Int }', 'directive @d(a: Int!) on OBJECT type A @d(a: 1, b: 2) { a: Int }', 'directive @d(a: Int) on OBJECT type A @d(a: 1, a: 2) { a: Int }',
    'directive @d on ARGUMENT_DEFINITION type A { a(b: Int @d): Int }', 'directive @d on OBJECT type A { a(b: Int @d): Int }', 'directive @d on ENUM_VALUE enum E { X @d }', 'directive @d on ENUM enum E @d { X }', 'directive @d on ENUM enum E { X @d }', 'directive @d on INPUT_OBJECT input I @d { a: Int }', 'directive @d on INPUT_FIELD_DEFINITION input I { a: Int @d }', 'directive @d on INTERFACE interface I @d { a: Int }', 'directive @d on UNION union U @d = Query', 'directive @d on SCALAR scalar S @d', 'directive @d on SCALAR union U @d = Query', 'directive @d on FIELD type A @d { a: Int }',
    'directive @d on ARGUMENT_DEFINITION directive @e(a: Int @d) on FIELD', 'type A { a: Int @deprecated }', 'type A { a: Int @deprecated(reason: "r") }', 'type A { a: Int @deprecated(reason: 1) }', 'type A { a: Int @deprecated(nope: 1) }', 'type A @deprecated { a: Int }', 'enum E { X @deprecated Y }', 'type A { a(b: Int @deprecated): Int }', 'type A { a(b: Int! @deprecated): Int }', 'type A { a(b: Int! = 1 @deprecated): Int }', 'input I { a: Int! @deprecated }', 'input I { a: Int @deprecated b: Int! = 1 @deprecated }', 'directive @d(a: Int! @deprecated) on FIELD',
    'scalar S @specifiedBy(url: "u")', 'scalar S @specifiedBy', 'scalar S @specifiedBy(url: 1)', 'type A @specifiedBy(url: "u") { a: Int }', 'directive @d on SCHEMA schema @d { query: Query }', 'directive @d on OBJECT schema @d { query: Query }', 'type A { a: Int @skip(if: true) }', 'directive @d(a: In) on OBJECT input In { b: Int } type A @d(a: {b: 1}) { a: Int }', 'directive @d(a: In) on OBJECT input In { b: Int } type A @d(a: {b: 1, b: 2}) { a: Int }'].map((x) => `${x} ${Q}`),
], [`directive @d(a: Int) on OBJECT type A @d(a: "x") { a: Int } ${Q}`]);

// AppSync's own directives come without definitions.
test('unknown directives are left to the reader of the schema', async () => {
  assert.deepEqual(await host.schema(`type Query @aws_iam { a: Int @aws_cognito_user_pools(cognito_groups: ["A"]) }`), { ok: true });
});

rule('default values', [
  ...['type A { a(b: Int = 1, c: [Int] = 1, d: E = X, e: I = {a: 1}, f: ID = 5, g: Float = 1): Int } enum E { X } input I { a: Int b: Int = 3 }', 'input I { a: Int! = 1 b: [Int!]! = [] }', 'type A { a(b: I = {}): Int } input I { a: Int = 1 b: J = {} } input J { c: [J!] d: String! = "d" }', 'type A { a(b: Int = null): Int }'].map((x) => `${x} ${Q}`),
], [
  // Section 3.6.1 wants defaults that are valid; graphql-js drops others in silence.
  ...['type A { a(b: Int = "x"): Int }', 'type A { a(b: Int! = null): Int }', 'enum E { X } type A { a(b: E = Y): Int }', 'input I { a: Int = 1.5 }', 'input I { a: Int! } type A { a(b: I = {}): Int }', 'directive @d(a: Int = "x") on FIELD'].map((x) => `${x} ${Q}`),
  `query { a } ${Q}`, `fragment f on Query { a } ${Q}`,
]);

test('defaults within defaults do not depend on the order of the types', async () => {
  await host.schema(`type Query { echo(a: A = {}): String } input A { b: [B!] = [{}, {d: 4}] } input B { c: Int = 3 d: Int! = 5 }`);
  const { body } = await host.send({ query: '{ echo }' });
  assert.deepEqual(JSON.parse(body.data.echo), { a: { b: [{ c: 3, d: 5 }, { c: 3, d: 4 }] } });
  assert.match((await host.schema(`${Q} input A { a: A = {} }`)).error, /contains itself/);
});

test('faults have positions', async () => {
  assert.equal((await host.schema(`${Q}\ntype A {\n  a: Nope\n}`)).error, 'Unknown type "Nope". (line 3, column 6)');
  assert.equal((await host.schema(`${Q}\ninput A { b: A! }`)).error, 'Cannot reference Input Object "A" within itself through a series of non-null fields. (line 2, column 1)');
});

const AWS = `${['AWSDate', 'AWSTime', 'AWSDateTime', 'AWSTimestamp', 'AWSEmail', 'AWSJSON', 'AWSPhone', 'AWSURL', 'AWSIPAddress'].map((n) => `scalar ${n}`).join('\n')}
directive @aws_subscribe(mutations: [String]) on FIELD_DEFINITION
directive @aws_auth(cognito_groups: [String]) on FIELD_DEFINITION
directive @aws_cognito_user_pools(cognito_groups: [String]) on FIELD_DEFINITION | OBJECT
directive @aws_api_key on FIELD_DEFINITION | OBJECT
directive @aws_iam on FIELD_DEFINITION | OBJECT
directive @aws_oidc on FIELD_DEFINITION | OBJECT
directive @aws_lambda on FIELD_DEFINITION | OBJECT
`;

test('introspection of a served schema of many models', async () => {
  const models = Array.from({ length: 40 }, (_, i) => `
type Model${i} @model @auth(rules: [{allow: public, provider: apiKey}]) {
  title: String! body: String score: Float count: Int! done: Boolean at: AWSDateTime mail: AWSEmail data: AWSJSON tags: [String!]! state: State place: Place
  name: String @index(name: "byName${i}", queryField: "byName${i}")
  ${i > 0 ? `parentId: ID parent: Model${i - 1} @belongsTo(references: ["parentId"])` : ''}
  ${i < 39 ? `children: [Model${i + 1}] @hasMany(references: ["parentId"])` : ''}
}`).join('\n');
  const input = `enum State { NEW OLD } type Place { lat: Float lon: Float }\n${models}`;
  const sdl = AWS + execFileSync(process.env.AMPD, ['schema', '-'], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.deepEqual(await host.schema(sdl), { ok: true });
  const { body } = await host.send({ query: getIntrospectionQuery({ inputValueDeprecation: true, directiveIsRepeatable: true }), limits: { resolvers: 10 } });
  assert.equal(body.errors, undefined);
  const print = (schema) => printSchema(lexicographicSortSchema(schema));
  assert.equal(print(buildClientSchema(body.data)), print(buildSchema(sdl)));
});
