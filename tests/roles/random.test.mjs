// Random schemas of the oracle: the same appsync policies as the official transformer's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomSchema } from '../oracle/lib/random-schema.mjs';
import { manifestOf, officialPolicies } from './official.mjs';
import { makeRoles, plain, role } from './support.mjs';

const COUNT = Number(process.env.COUNT ?? 60);
const FIRST = Number(process.env.FIRST ?? 1);

test(`${COUNT} random schemas`, () => {
  let compared = 0;
  let named = 0;
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    const { sdl, modes } = randomSchema(seed);
    if (!modes.includes('userPool')) continue; // no identity pool
    let official;
    try {
      official = officialPolicies(sdl, modes);
    } catch {
      continue; // refused, which other tests compare
    }
    const ours = makeRoles(manifestOf(sdl, modes));
    for (const kind of ['authRole', 'unauthRole']) {
      assert.deepEqual(ours.roles[role(kind)].map((one) => plain(one)), official[kind], `seed ${seed} with ${modes}: ${kind}\n${sdl}`);
      named += official[kind].length;
    }
    compared++;
  }
  assert.ok(compared >= COUNT / 6 && named >= COUNT / 12, `${compared} schemas, ${named} policies`);
});
