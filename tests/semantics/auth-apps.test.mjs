// Apps as people write them (the schemas app-*.ts beside those of the oracle): random histories of all
// callers, on ampd and on the official resolvers (SEED=n COUNT=m STEPS=k APP=regexp).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSchemas } from '../oracle/lib/schemas.mjs';
import { AppDocuments, served } from './lib/apps.mjs';
import { executable } from './lib/appsync.mjs';
import { bothSides } from './lib/both.mjs';
import { history } from './lib/history.mjs';
import { random } from './lib/random.mjs';

const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 1);
const steps = Number(process.env.STEPS ?? 150);
const limit = Number(process.env.LIMIT ?? 1); // how many differences are told
const wanted = new RegExp(process.env.APP ?? '.');

for (const { name, sdl: whole, modes } of await loadSchemas((file) => file.startsWith('app-') && wanted.test(file))) {
    const sdl = served(whole);
    for (const [at, list] of modes.entries()) {
        for (let seed = first; seed < first + count; seed++) {
            test(`${name} ${list}, seed ${seed}`, async (t) => {
                const r = random(seed * 1000 + at);
                const sides = await bothSides(sdl, list, { enrolled: true });
                try {
                    const { found, told } = await history(r, sides, new AppDocuments(r, executable(sides.pipelines.schema), sides.callers, sdl), { steps, limit });
                    t.diagnostic(`${told.admitted} answers without an error, ${told.refused} with some`);
                    assert.ok(found.length === 0, found.join('\n'));
                } finally {
                    await sides.stop();
                }
            });
        }
    }
}
