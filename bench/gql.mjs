// The GraphQL engine beside graphql-js, in one run: preparing (parse and validate, we also plan) and
// executing a list of 100 items with 8 fields. Usage: node bench/gql.mjs GQL_BENCH [SECONDS]
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';

const { buildSchema, execute, parse, validate } = createRequire(new URL('../tests/gql/', import.meta.url))('graphql');
const [program, seconds = '1'] = process.argv.slice(2);

const sdl = `type Todo { id: ID! content: String! isDone: Boolean priority: Int tags: [String] createdAt: String! updatedAt: String! }
type TodoConnection { items: [Todo]! nextToken: String }
input StringInput { ne: String eq: String contains: String beginsWith: String between: [String] }
input TodoFilter { id: StringInput content: StringInput and: [TodoFilter] or: [TodoFilter] not: TodoFilter }
type Query { listTodos(filter: TodoFilter, limit: Int, nextToken: String): TodoConnection getTodo(id: ID!): Todo }`;
const query = `query ListTodos($filter: TodoFilter, $limit: Int, $nextToken: String) {
  listTodos(filter: $filter, limit: $limit, nextToken: $nextToken) {
    items { id content isDone priority tags createdAt updatedAt __typename }
    nextToken
  }
}`;
const item = (i) => ({
  id: `6f1c9f0e-8a5b-4d3c-9e2f-${String(i).padStart(12, '0')}`, content: `Something to do, number ${i}`, isDone: i % 3 === 0, priority: i,
  tags: ['home', 'soon'], createdAt: '2026-01-02T03:04:05.678Z', updatedAt: '2026-01-02T03:04:05.678Z',
});
const root = { listTodos: { items: Array.from({ length: 100 }, (_, i) => item(i)), nextToken: null } };
const variables = { filter: { content: { beginsWith: 'Some' }, or: [{ id: { ne: 'x' } }] }, limit: 100 };

function best(fn) {
  let least = Infinity;
  for (let slice = 0; slice < 5; slice++) {
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < (Number(seconds) * 1000) / 5) {
      for (let i = 0; i < 16; i++) fn();
      count += 16;
    }
    least = Math.min(least, ((performance.now() - start) * 1000) / count);
  }
  return least;
}

mkdirSync('build', { recursive: true });
writeFileSync('build/gql_bench.json', JSON.stringify({ sdl, query, variables, root }));
const ours = JSON.parse(execFileSync(program, ['build/gql_bench.json', seconds], { encoding: 'utf8' }));
const schema = buildSchema(sdl);
const document = parse(query);
const theirs = {
  prepare: best(() => validate(schema, parse(query))),
  request: best(() => JSON.stringify(execute({ schema, document, rootValue: root, variableValues: variables }))),
};
const line = (name, mine, other) => console.log(`${name.padEnd(34)}${mine.toFixed(2).padStart(10)} us${other.toFixed(2).padStart(12)} us${(other / mine).toFixed(1).padStart(8)}x`);
console.log(`${''.padEnd(34)}${'ampd'.padStart(13)}${'graphql-js'.padStart(15)}${'ratio'.padStart(9)}`);
line('prepare: parse, validate, plan', ours.prepare, theirs.prepare);
line('request: cached plan, execute, text', ours.request, theirs.request);
console.log(`cached plan found in ${ours.lookup} us; ${ours.memory} bytes of memory beside the ${ours.response} bytes of the response`);
