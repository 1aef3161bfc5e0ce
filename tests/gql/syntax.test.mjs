// Lexer and parser: the same acceptance and the same position of the first fault as graphql-js, and
// the same decoded strings.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildSchema } from 'graphql';
import { Host, kind, normal, reference } from './host.mjs';

const SDL = `scalar Any
type Query { a: Query b: Int echo(s: String, i: Int, f: Float, any: Any, list: [Any]): String }
type Mutation { a: Int } type Subscription { a: Int }`;
const schema = buildSchema(SDL);
const host = new Host();
before(async () => assert.deepEqual(await host.schema(SDL), { ok: true }));
after(async () => assert.equal(await host.close(), 0));

// graphql-js counts UTF-16 units, we count characters.
function column(query, { line, column }) {
  const text = query.split(/\r\n|\r|\n/)[line - 1] ?? '';
  return { line, column: [...text.slice(0, column - 1)].length + 1 };
}

async function same(query) {
  const ours = await host.send({ query, root: { a: { b: 1 }, b: 2 } });
  const theirs = reference(schema, { query, root: { a: { b: 1 }, b: 2 } });
  const label = JSON.stringify(query);
  assert.equal(kind(ours), kind(theirs), `${label}: ${JSON.stringify(ours)} / ${JSON.stringify(theirs)}`);
  if (theirs.syntax) {
    const at = { line: ours.syntax.line, column: ours.syntax.column };
    assert.deepEqual(at, column(query, theirs.syntax.locations[0]), `${label}: ${theirs.syntax.message}`);
    const body = ours.body.errors[0];
    assert.deepEqual(body.locations, [{ ...at, sourceName: null }]);
  } else if (theirs.body) {
    assert.deepEqual(normal(ours.body.data), normal(theirs.body.data), label);
  }
}

function table(name, queries) {
  test(name, async () => {
    const results = await Promise.allSettled(queries.map(same));
    const failed = results.filter((r) => r.status === 'rejected').map((r) => r.reason.message);
    assert.equal(failed.length, 0, failed.join('\n\n'));
  });
}

const echo = (value, arg = 's') => `{ echo(${arg}: ${value}) }`;

table('ignored: white space, commas, comments, byte order mark', [
  '{b}', ' { b } ', '\t{\tb\t}\t', '{\n b\r\n b\r b\n}', ',,,{,b,,}', '{b,}', '#c\n{b}', '{b}#c', '{b #c\n}', '{b #c\r}',
  '\ufeff{b}', '{\ufeffb}', '{b}\ufeff', '# ü \u{1f600}\n{b}', '{b #\u0000\n}', '{\u00a0b}', '{\u000bb}', '{\u000cb}',
  '{ü}', '{b}\u{1f600}', '/* */ {b}', '// c\n{b}', '', ' ', '#', ',', '\ufeff', '\n\n  ?', '{\n  b\n  \u{1f600}',
  '# \u{1f600}\n  {b} \u{1f600}', '{ echo(s: "\u{1f600}") % }',
]);

table('punctuators', [
  '{b}}', '{', '}', '{}', '{b', '(', '{a{b}', '{...}', '{..b}', '{.b}', '{....b}', '{... ... {b}}', '{b !}', '{b $}', '{b &}',
  '{b |}', '{b =}', '{b @}', '{b :}', '{b;}', '{b ?}', '{b %}', '{b ~}', '{b -}', '{b +}', '{b *}', "{'b'}", '{`b`}', '{b\\}',
  '{b <}', '{a {b} ^}', '{ ... on Query { b } }', '{...{b}}', '{ ...on }', '{ ... on { b } }',
]);

table('names', [
  '{_}', '{_b: b}', '{B1_: b}', '{b1}', '{1b: b}', '{a-b}', '{a.b}', '{on: b}', '{true: b false: b null: b query: b fragment: b}',
  'query query {b}', 'query on {b}', 'query fragment($s: String) { echo(s: $s) }', 'fragment on on Query {b} {...on}',
  'fragment fragment on Query {b} {...fragment}', 'fragment on Query {b}', 'fragment f Query {b} {...f}', 'fragment f on {b}',
  'mutation {a}', 'subscription {a}', 'Query {b}', 'query {b} {b', 'querry {b}', 'type T {a: Int} {b}', 'extend {b}', '"d" {b}',
  '"d" query {b}', '"""d""" fragment f on Query {b}', 'query Q {b} query R {b}',
]);

table('numbers', [
  ...['0', '-0', '1', '-1', '12', '2147483647', '-2147483648'].map((v) => echo(v, 'i')),
  ...['0', '1', '-1', '0.0', '-0.5', '1.25', '1e3', '1E3', '1e+3', '1e-3', '1.5e3', '-1.5E-3', '12345678901', '0e0'].map((v) => echo(v, 'f')),
  ...['00', '01', '-01', '-', '--1', '+1', '.5', '1.', '-.1', '1.e1', '1e', '1e+', '1eA', '1.0.0', '1.2e3.4', '1a', '0x1', '0b1', '1_000',
    '1.5f', '1e1e1', '1..2', '-a', '1"s"', '1#c\n', '0.e', '123abc', '1.A', '-A', '9e'].map((v) => echo(v, 'f')),
]);

table('strings and escapes', [
  ...['""', '"a"', '" a  b "', '"ü\u{1f600}"', '"\\""', '"\\\\ \\/ \\b \\f \\n \\r \\t"', '"\\u0041"', '"\\u00e9\\u00E9"', '"\\uD83D\\uDE00"',
    '"\\u{41}"', '"\\u{1F600}"', '"\\u{10FFFF}"', '"\\u{00000041}"', '"\t"', '"#not a comment"', '"a,b"', '"\\u0000"', '"\u0001"', '"\u007f"',
  ].map((v) => echo(v)),
  ...['"', '"a', '"a\n"', '"a\r"', '"\\', '"\\"', '"\\x"', '"\\U0041"', '"\\u"', '"\\u1"', '"\\u12"', '"\\u123"', '"\\u123g"', '"\\u{}"', '"\\u{"',
    '"\\u{41"', '"\\u{110000}"', '"\\u{000000041}"', '"\\u{FFFFFFFFFF}"', '"\\u{g}"', '"\\uD83D"', '"\\uDE00"', '"\\uD83Dx"', '"\\uD83D\\n"',
    '"\\uD83D\\u0041"', '"\\uD83D\\u{DE00}"', '"\\u{D83D}\\uDE00"', '"\\u{D83D}"', '"\\u{DFFF}"', '"\\uDE00\\uD83D"', '"\\ "', '"a" "b"', '\'a\'',
    '"bad \\z esc"', '"\\uXXXX"', '"\\uFXXX"', '"\\uXXXF"', '"\\u{FXXX}"', '"\\uD83D\\uXXXX"', '"\\0"', '"é\\q"'].map((v) => echo(v)),
]);

const q = '"""';
table('block strings', [
  ...['', 'a', ' a ', 'a\nb', 'a\r\nb\rc', '\n a\n b\n', '\n  a\n    b\n  c', '\n\n\n  a\n\n  b\n\n\n', '  first\n    second\n  third', '\t\ta\n\t\tb', ' \n\ta\n  b',
    'a "quoted" b', 'a ""', '\\\\ \\n \\u0041 raw', '\\"""', 'x \\""" y', '# not a comment', '\n   \n', '   ', '\n', 'ü\u{1f600}\n  ü', 'a\n    ', '    a\n\n  b',
    '\n  a\n\n    \n  b', '\u0001', 'a\n b\n  c', '\n\n', 'a\\', '\\"""\n  \\"""'].map((v) => echo(q + v + q)),
  ...['"""', '"""a', '"""a"', '"""a""', '"""a\\"""', '"""\n\n', '""""""""', '""" """ "'].map((v) => echo(v)),
]);

table('values', [
  ...['null', 'true', 'false', '[]', '[1, 2]', '[1 [2 [3]]]', '{}', '{a: 1, b: {c: "d"}}', 'RED', '[{a: [{}]}]', '{a: null}', '"s"', '1.5', '{a: [RED, true]}',
    '{a:{b:{c:{d:{e:1}}}}}'].map((v) => echo(v, 'any')),
  ...['', '[', ']', '[1', '[,]', '{', '{a}', '{a:}', '{a 1}', '{"a": 1}', '{1: 1}', '{a: 1', '$', '$ a', '@a', '(1)', '[1 | 2]', '...', '!'].map((v) => echo(v, 'any')),
  '{ echo(any: {a: 1}, list: [1, {}]) }', '{ echo() }', '{ echo(s) }', '{ echo(s:) }', '{ echo(s: "a" }', '{ echo(:"a") }', '{ b() }', '{ echo(s "a") }',
]);

table('operations, variables, directives', [
  'query ($s: String) { echo(s: $s) }', 'query Q($s: String = "d", $i: Int = 1) { echo(s: $s, i: $i) }', 'query ($s: String!) { b }', 'query () {b}', 'query ($) {b}',
  'query ($s) {b}', 'query ($s:) {b}', 'query (s: String) {b}', 'query ($s: String = ) {b}', 'query ($s: String = $t, $t: String) { echo(s: $s) }', 'query ($s: [String) {b}',
  'query ($s: String!!) {b}', 'query ($s: [String!]! = []) { b }', 'query ($s: String @skip(if: $x)) {b}', 'query ($a: Any = {a: $b}) {b}', 'query ($a: Any = [$b]) {b}',
  'query @skip {b}', '{ b @skip(if: true) }', '{ b @include(if: true) @skip(if: false) }', '{ b @ skip(if: false) }', '{ b @(if: true) }', '{ b @skip( }', '{ b @skip() }',
  'query Q', 'query Q(', 'query Q{', 'mutation', 'query Q @', 'query 1 {b}', 'query "Q" {b}', '{ a { } }', '{ a: }', '{ : b }', '{ a:b:b }', '{ x: a { y: b } }',
  'fragment f on Query { b } query { ...f ...f @skip(if: false) }', 'fragment f on Query($x: Int) { b }', 'fragment f($x: Int) on Query { b } {...f}',
  '{ ... @include(if: true) { b } }', '{ ... on Query @include(if: false) { b } }', '{ ...f } fragment f on Query @x { b }', 'query ($s: String, $s2: String,) { echo(s: $s) b echo2: echo(s: $s2) }',
]);

// Type-system documents are no operations, but parse by the same rules.
table('type-system definitions in an operation', [
  'schema { query: Query }', 'schema {}', 'schema', 'schema @d { query: Query }', 'schema { query Query }', 'schema { query: [Query] }', 'schema { querry: Query }',
  'extend schema', 'extend schema @d', 'extend schema { mutation: M }', 'extend schema {}', 'scalar', 'scalar S', 'scalar S @d', 'scalar S {', 'extend scalar S', 'extend scalar S @d',
  'type', 'type T', 'type T {', 'type T {}', 'type T { a }', 'type T { a: Int }', 'type T { a: Int, b(c: Int = 1 @d, "x" e: [Int!]!): T! @d }', 'type T { a(): Int }', 'type T implements', 'type T implements A',
  'type T implements A & B { a: Int }', 'type T implements & A & B', 'type T implements A B', 'type T implements A, B', 'type T implements A & { a: Int }', 'extend type T', 'extend type T implements A', 'extend type T @d', 'extend type T { a: Int }',
  'interface I', 'interface I implements J { a: Int }', 'extend interface I', 'extend interface I { a: Int }', 'union U', 'union U =', 'union U = A', 'union U = | A | B', 'union U = A B', 'union U = A |', 'union U = || A', 'extend union U', 'extend union U = A',
  'enum E', 'enum E {}', 'enum E { A }', 'enum E { A B @d "x" C }', 'enum E { true }', 'enum E { null }', 'enum E { A: 1 }', 'extend enum E', 'extend enum E { X }',
  'input I', 'input I {}', 'input I { a: Int = 1 @d }', 'input I { a(b: Int): Int }', 'input I { a: Int = $x }', 'extend input I', 'extend input I @d',
  'directive @d on FIELD', 'directive @d', 'directive @d on', 'directive d on FIELD', 'directive @d on FIELD | QUERY', 'directive @d on | FIELD | QUERY', 'directive @d on FIELD |', 'directive @d on field', 'directive @d on NOWHERE', 'directive @d(a: Int = 1) repeatable on SCHEMA',
  'directive @d() on FIELD', 'directive @d repeatable FIELD', 'extend directive @d on FIELD', 'extend directive d', 'extend query {b}', 'extend', '"d" extend type T { a: Int }', '"d" type T', '"""d""" schema { query: Q }', '"d"', '"d" "e" type T',
  '"d" enum E { "v" A }', 'type T { "d" a("e" b: Int): Int }', 'type T { a: [Int }', 'type T { a: Int!! }', 'type T { a: ! }', 'input I { "d" a: Int }', 'typ T', 'type on { on: on }', 'type true { a: Int }', 'type T { true: Int }',
]);
