// Documents made to be expensive end with a clear error, quickly; what is just allowed works, also
// at the greatest depth.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { Host } from './host.mjs';

const host = new Host();
const SDL = `interface Node { a: Query b: Int }
type Query implements Node { a: Query list: [Query] deep: [[[Query]]] b: Int s: String strict: Query! echo(i: In): String node: Node }
type Other implements Node { a: Query b: Int }
type Subscription { b: Int }
input In { in: In list: [In] x: Int }`;
before(async () => assert.deepEqual(await host.schema(SDL), { ok: true }));
after(async () => assert.equal(await host.close(), 0));

// The sanitized program is several times slower than the real one.
async function quick(command, pattern) {
  const start = process.hrtime.bigint();
  const answer = await host.send(command);
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  const message = answer.error ?? answer.body.errors?.[0].message;
  assert.match(message ?? JSON.stringify(answer).slice(0, 300), pattern);
  assert.ok(ms < 5000, `${ms} ms`);
  return answer;
}

const nest = (open, n, core, close = '}') => open.repeat(n) + core + close.repeat(n);

test('depth of selections', async () => {
  const chain = (n, wrap) => {
    let value = { b: 1 };
    for (let i = 0; i < n; i++) value = wrap(value);
    return value;
  };
  const root = chain(74, (a) => ({ b: 1, a }));
  const ok = await host.send({ query: '{' + nest('a{', 74, 'b') + '}', root });
  assert.ok(JSON.stringify(ok.body.data).includes('"b":1'));
  const deep = await host.send({ query: '{' + nest('deep{', 55, 'b') + '}', root: chain(55, (v) => ({ deep: [[[v]]] })) });
  assert.ok(JSON.stringify(deep.body.data).includes('"b":1'));
  await quick({ query: '{' + nest('a{', 75, 'b') + '}' }, /nested more than 75 levels deep/);
  await quick({ query: '{' + nest('a{', 119, 'b') + '}' }, /nested too deeply|nested more than 75/);
  await quick({ query: '{' + nest('a{', 5000, 'b') + '}' }, /nested too deeply/);
  await quick({ query: '{' + nest('... {', 120, 'b') + '}' }, /nested too deeply/);
  await quick({ query: '{' + 'a{'.repeat(40000) }, /nested too deeply/);
  assert.ok((await host.send({ query: '{' + nest('...{', 100, 'b') + '}', root })).body.data);
});

test('depth of values and types', async () => {
  const ok = await host.send({ query: `{ echo(i: ${nest('{in: ', 100, '{x: 1}')}) }` });
  assert.ok(ok.body.data.echo.includes('"x":1'));
  await quick({ query: `{ echo(i: ${nest('{in: ', 5000, '{x: 1}')}) }` }, /nested too deeply/);
  await quick({ query: `{ echo(i: ${nest('[', 5000, '1', ']')}) }` }, /nested too deeply/);
  await quick({ query: `query ($v: ${nest('[', 5000, 'Int', ']')}) { b }` }, /nested too deeply/);
  const variables = { i: JSON.parse(nest('{"in":', 200, '{}')) };
  await quick({ query: 'query ($i: In) { echo(i: $i) }', variables }, /in/);
});

test('fragment bombs', async () => {
  const chain = (n, body) => Array.from({ length: n }, (_, i) => `fragment f${i} on Query { ${body(i)} }`).join('\n');
  // Each doubles the one before; as one selection set they are taken in once.
  const flat = await host.send({ query: `{ ...f0 } ${chain(60, (i) => (i < 59 ? `...f${i + 1} ...f${i + 1}` : 'b'))}`, root: { b: 5 } });
  assert.deepEqual(flat.body, { data: { b: 5 } });
  await quick({ query: `{ ...f0 } ${chain(40, (i) => (i < 39 ? `x: a { ...f${i + 1} } y: a { ...f${i + 1} }` : 'b'))}` }, /too many selections|more than 10000 fields/);
  await quick({ query: `{ ...f0 } ${chain(30, (i) => (i < 29 ? `a { ...f${i + 1} } a { ...f${i + 1} }` : 'b'))}`, root: {} }, /data|too many|more than/);
  await quick({ query: `{ ...f0 } ${chain(500, (i) => (i < 499 ? `...f${i + 1}` : 'b'))}` }, /nested too deeply/);
  await quick({ query: `{ ...f0 } ${chain(20, (i) => (i < 19 ? `...f${i + 1} @skip(if: $a) ...f${i + 1} @skip(if: $b)` : 'b'))}`.replace('{', 'query ($a: Boolean! = false, $b: Boolean! = false) {') }, /more than 10000 fields|too many selections/);
  await quick({ query: Array.from({ length: 3000 }, (_, i) => `query q${i} { ...f0 }`).join('\n') + chain(100, (i) => `b${i}: b ${i < 99 ? `...f${i + 1}` : ''}`) }, /too many selections/);
  await quick({ query: `subscription { ...s0 } ${Array.from({ length: 50 }, (_, i) => `fragment s${i} on Subscription { ${i < 49 ? `...s${i + 1} ...s${i + 1}` : 'b'} }`).join('\n')}` }, /data|too many selections/);
});

test('cycles', async () => {
  await quick({ query: '{ ...a } fragment a on Query { a { ...b } } fragment b on Query { a { ...a } }' }, /Fragment cycles not allowed/);
  await quick({ query: `{ ...f0 } ${Array.from({ length: 100 }, (_, i) => `fragment f${i} on Query { ${Array.from({ length: 50 }, (_, k) => `...f${(i + k) % 100}`).join(' ')} }`).join('\n')}` }, /Fragment cycles not allowed/);
});

test('repeated fields cost linear work', async () => {
  const many = await host.send({ query: `{ ${'b '.repeat(50000)} }`, root: { b: 1 } });
  assert.deepEqual(many.body, { data: { b: 1 } });
  await quick({ query: `{ ${'a { b } '.repeat(20000)} }`, root: { a: { b: 1 } } }, /"data"/);
  await quick({ query: `{ ${'a { a { a { b } } } '.repeat(6000)} }`, root: {} }, /"data"/);
});

test('tokens, fields, errors', async () => {
  await quick({ query: `{ ${'b '.repeat(200000)} }` }, /too many tokens/);
  await quick({ query: '{ b }', limits: { tokens: 2 } }, /too many tokens/);
  assert.ok((await host.send({ query: '{ b }', limits: { tokens: 3 } })).body);
  await quick({ query: `{ ${Array.from({ length: 10001 }, (_, i) => `b${i}: b`).join(' ')} }` }, /more than 10000 fields/);
  assert.ok((await host.send({ query: `{ ${Array.from({ length: 10000 }, (_, i) => `b${i}: b`).join(' ')} }`, root: { b: 1 } })).body.data.b9999);
  const bad = await host.send({ query: `{ ${Array.from({ length: 5000 }, (_, i) => `no${i}`).join(' ')} }` });
  assert.equal(bad.problems.length, 100);
});

test('resolver calls and the size of the result', async () => {
  const list = Array.from({ length: 5000 }, () => ({ b: 1, s: 'x'.repeat(100) }));
  await quick({ query: '{ list { b s } }', root: { list } }, /Resolver invocation limit reached/);
  await quick({ query: '{ list { b } }', root: { list }, limits: { resolvers: 5000 } }, /Resolver invocation limit reached/);
  assert.equal((await host.send({ query: '{ list { b } }', root: { list }, limits: { resolvers: 5001 } })).body.data.list.length, 5000);
  await quick({ query: '{ list { s } }', root: { list }, limits: { result: 100000 } }, /larger than 100000 bytes/);
  await quick({ query: '{ s }', root: { s: 'y'.repeat(200000) }, limits: { result: 100000 } }, /larger than 100000 bytes/);
  await quick({ query: '{ list { strict { b } } }', root: { list: Array.from({ length: 9000 }, () => ({})) } }, /Cannot return null/);
  const errors = Array.from({ length: 9000 }, () => ({ b: { __error: 'e'.repeat(1000) } }));
  await quick({ query: '{ list { b } }', root: { list: errors } }, /too many errors|"data"/);
});

test('memory stays bounded', async () => {
  const rss = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${host.child.pid}/status`, 'utf8'))[1]) / 1024;
  console.log(`# host: ${rss().toFixed(0)} MiB`);
  assert.ok(rss() < 700, `${rss()} MiB`);
});
