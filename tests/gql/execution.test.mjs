// What execution answers where the generated comparison with graphql-js cannot look: texts, and the
// differences that the engine's README names.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Host } from './host.mjs';

const host = new Host();
const SDL = `type Query { int: Int float: Float string: String boolean: Boolean id: ID color: Color any: Any list: [Int] strict: [Int!] must: Query! self: Query node: Node
  echo(i: Int, f: Float, s: String, d: ID, c: Color, l: [[Int]], o: In, n: Int! = 7, any: Any): String }
enum Color { RED } scalar Any input In { a: Int! = 1 b: [In!] c: String } interface Node { x: Int } type Leaf implements Node { x: Int }`;
before(async () => assert.deepEqual(await host.schema(SDL), { ok: true }));
after(async () => assert.equal(await host.close(), 0));

test('results', async () => {
  const cases = [
    ['int', 5, 5], ['int', 5.0, 5], ['int', '5'], ['int', true], ['int', 1.5], ['int', 2147483648], ['int', [1]],
    ['float', 5, 5], ['float', 1.25, 1.25], ['float', '1.5'], ['float', true],
    ['string', 'a', 'a'], ['string', 5, '5'], ['string', 1.5, '1.5'], ['string', false, 'false'], ['string', {}], ['string', []],
    ['boolean', true, true], ['boolean', 1], ['boolean', 'true'],
    ['id', 'x', 'x'], ['id', 5, '5'], ['id', 1.5], ['id', true],
    ['color', 'RED', 'RED'], ['color', 'red'], ['color', 0], ['any', { b: 1, a: [null, '"'] }, { b: 1, a: [null, '"'] }],
    ['list', [1, null, 2], [1, null, 2]], ['list', [1, 'x'], [1, null], 1], ['list', 5], ['strict', [1, null], undefined, 1], ['strict', null, null],
  ];
  for (const [field, value, wanted, errors] of cases) {
    const { body } = await host.send({ query: `{ ${field} }`, root: { [field]: value } });
    const label = `${field} ${JSON.stringify(value)}: ${JSON.stringify(body)}`;
    assert.deepEqual(body.data[field], wanted ?? null, label);
    assert.equal(body.errors?.length ?? 0, errors ?? (wanted === undefined ? 1 : 0), label);
  }
});

test('texts of result errors', async () => {
  const one = async (query, root) => (await host.send({ query, root })).body.errors[0];
  assert.equal((await one('{ self { int } }', { self: { int: 'x' } })).message, `Can't serialize value (/self/int) : Int cannot represent value: "x"`);
  assert.equal((await one('{ list }', { list: 1 })).message, `Can't serialize value (/list) : expected a list.`);
  assert.equal((await one('{ color }', { color: 'x' })).message, `Can't serialize value (/color) : Invalid input for Enum 'Color'. No value found for name "x"`);
  assert.equal((await one('{ node { x } }', { node: { x: 1 } })).message, `Can't serialize value (/node) : Could not determine the exact type of 'Node'`);
  assert.deepEqual(await one('{\n  self { must { int } }\n}', { self: {} }), { path: ['self', 'must'], locations: null, message: "Cannot return null for non-nullable type: 'Query' within parent 'Query' (/self/must)" });
  assert.equal((await host.send({ query: '{ must { int } }', root: {} })).body.data, null);
  assert.equal((await one('{ strict }', { strict: [1, null] })).message, "Cannot return null for non-nullable type: 'Int' within parent 'Query' (/strict[1])");
});

test('arguments', async () => {
  const args = async (query, variables) => JSON.parse((await host.send({ query, variables })).body.data.echo);
  assert.deepEqual(await args('{ echo }'), { n: 7 });
  assert.deepEqual(await args('{ echo(n: 3, i: null, f: 2, d: 5, c: RED, l: 1, s: "a") }'), { i: null, f: 2, s: 'a', d: '5', c: 'RED', l: [[1]], n: 3 });
  assert.deepEqual(await args('{ echo(o: {b: {c: "x"}}, any: {r: RED, n: [1.5]}) }'), { o: { a: 1, b: [{ a: 1, c: 'x' }] }, n: 7, any: { r: 'RED', n: [1.5] } });
  assert.deepEqual(await args('query ($i: Int, $n: Int = 4, $a: Int! = 2) { echo(i: $i, n: $n, o: {a: $a, b: [{a: $n}]}) }'), { n: 4, o: { a: 2, b: [{ a: 4 }] } });
  assert.deepEqual(await args('query ($l: [Int] = [1, 2], $o: In) { echo(l: [$l], o: $o) }', { o: { b: [{}], c: null } }), { l: [[1, 2]], o: { a: 1, b: [{ a: 1 }], c: null }, n: 7 });
  const refused = await host.send({ query: 'query ($n: Int = 4) { echo(n: $n) int }', variables: { n: null }, root: { int: 1 } });
  assert.deepEqual(refused.body.data, { echo: null, int: 1 });
  assert.equal(refused.body.errors[0].message, "Variable 'n' has coerced Null value for NonNull type 'Int!'");
});

test('conditions', async () => {
  const data = async (query, variables) => JSON.stringify((await host.send({ query, variables, root: { int: 1, string: 's', self: { int: 2, string: 't' } } })).body.data);
  const both = 'query ($a: Boolean!, $b: Boolean!) { int @include(if: $a) string int @include(if: $b) self { string @skip(if: $a) } ... @include(if: $a) { self { int } } }';
  assert.equal(await data(both, { a: true, b: true }), '{"int":1,"string":"s","self":{"int":2}}');
  assert.equal(await data(both, { a: false, b: true }), '{"string":"s","int":1,"self":{"string":"t"}}');
  assert.equal(await data(both, { a: true, b: false }), '{"int":1,"string":"s","self":{"int":2}}');
  assert.equal(await data(both, { a: false, b: false }), '{"string":"s","self":{"string":"t"}}');
  assert.equal(await data('{ int @skip(if: true) @include(if: true) string @skip(if: false) @include(if: false) }'), '{}');
  assert.equal(await data('query ($a: Boolean = true) { int @include(if: $a) string @skip(if: $a) }', { a: null }), '{"string":"s"}');
});
