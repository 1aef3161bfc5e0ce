// Generated schemas, documents, variables and data: the same acceptance, data, key order, null
// propagation and error paths as graphql-js. GQL_SEED and GQL_SCHEMAS change what is run.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } from 'graphql';
import { makeDocument, makeSchema, mutate } from './generate.mjs';
import { Host, kind, normal, reference } from './host.mjs';

const SEED = Number(process.env.GQL_SEED ?? 1);
const SCHEMAS = Number(process.env.GQL_SCHEMAS ?? 30);
const DOCUMENTS = Number(process.env.GQL_DOCUMENTS ?? 20);
const host = new Host();
after(async () => assert.equal(await host.close(), 0));

async function compare(schema, command, label) {
  const ours = await host.send(command);
  const theirs = reference(schema, command);
  const show = () => `${label}\n${command.query}\nvariables ${JSON.stringify(command.variables)}\nroot ${JSON.stringify(command.root)}\nours ${JSON.stringify(ours)}\ntheirs ${JSON.stringify(theirs)}`;
  assert.equal(kind(ours), kind(theirs), show());
  if (theirs.syntax) {
    const [{ line, column }] = theirs.syntax.locations;
    const text = command.query.split('\n')[line - 1] ?? '';
    assert.deepEqual([ours.syntax.line, ours.syntax.column], [line, [...text.slice(0, column - 1)].length + 1], show());
  }
  if (theirs.body) {
    // As text, since the order of members counts.
    assert.equal(JSON.stringify(normal(ours.body.data)), JSON.stringify(normal(theirs.body.data)), show());
    const paths = (body) => (body.errors ?? []).map((e) => e.path.join('/'));
    assert.deepEqual(paths(ours.body), paths(theirs.body), show());
  }
  return kind(theirs);
}

const counts = { valid: {}, mutated: {} };

test('documents', async () => {
  for (let s = 0; s < SCHEMAS; s++) {
    const seed = SEED * 1000003 + s;
    const sdl = makeSchema(seed);
    const schema = buildSchema(sdl);
    assert.deepEqual(await host.schema(sdl), { ok: true }, `schema seed ${seed}\n${sdl}`);
    for (let d = 0; d < DOCUMENTS; d++) {
      const command = makeDocument(seed * 31 + d, schema);
      const changed = { ...command, query: mutate(seed * 37 + d, command.query, schema) };
      const label = `seed ${SEED}, schema ${s}, document ${d}\n${process.env.GQL_SHOW_SCHEMA ? sdl : ''}`;
      if (/subscription/.test(command.query) && /\$c/.test(changed.query)) continue;
      const valid = await compare(schema, command, label);
      const mutated = await compare(schema, changed, label);
      counts.valid[valid] = (counts.valid[valid] ?? 0) + 1;
      counts.mutated[mutated] = (counts.mutated[mutated] ?? 0) + 1;
    }
  }
  console.log('# compared:', JSON.stringify(counts));
  assert.ok(counts.valid.ok > (SCHEMAS * DOCUMENTS) / 3, 'too few generated documents are valid');
});

test('introspection rebuilds the schema', async () => {
  const query = getIntrospectionQuery({ specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true });
  for (let s = 0; s < SCHEMAS; s++) {
    const sdl = makeSchema(SEED * 1000003 + s);
    await host.schema(sdl);
    const { body } = await host.send({ query });
    assert.equal(body.errors, undefined, JSON.stringify(body.errors));
    const print = (schema) => printSchema(lexicographicSortSchema(schema));
    assert.equal(print(buildClientSchema(body.data)), print(buildSchema(sdl)), `schema ${s}`);
    const old = await host.send({ query: getIntrospectionQuery() });
    assert.ok(buildClientSchema(old.body.data));
  }
});
