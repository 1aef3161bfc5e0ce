// The policies that tests/storage expects a running server to follow are those of the official construct.
// With UPDATE=1 the file is written again.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

const skip = Number(process.versions.node.split('.')[0]) >= 20 ? false : 'the original packages need Node 20';
const fixture = (name) => new URL(`../storage/fixtures/rules/${name}`, import.meta.url);

test('the policies of a fixture', { skip }, async () => {
  const { officialStorage } = await import('./buckets.mjs');
  const official = await officialStorage(JSON.parse(readFileSync(fixture('rules.json'), 'utf8')), 'amplify.files');
  if (process.env.UPDATE) writeFileSync(fixture('policies.json'), `${JSON.stringify(official, null, 1)}\n`);
  assert.deepEqual(JSON.parse(readFileSync(fixture('policies.json'), 'utf8')), official);
});
