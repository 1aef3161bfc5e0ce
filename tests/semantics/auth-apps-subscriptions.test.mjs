// Apps as people write them, all callers subscribed: who may start, and which events of a random
// history each gets (SEED=n COUNT=m APP=regexp).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSchemas } from '../oracle/lib/schemas.mjs';
import { AppDocuments, served } from './lib/apps.mjs';
import { executable } from './lib/appsync.mjs';
import { bothSides } from './lib/both.mjs';
import { random } from './lib/random.mjs';
import { mark, session } from './lib/session.mjs';

const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 1);
const wanted = new RegExp(process.env.APP ?? '.');

for (const { name, sdl: whole, modes: [modes] } of await loadSchemas((file) => file.startsWith('app-') && wanted.test(file))) {
    const sdl = `${served(whole)}\n${mark(modes)}`;
    for (let seed = first; seed < first + count; seed++) {
        test(`${name}, seed ${seed}`, async (t) => {
            const r = random(seed + 2000);
            const sides = await bothSides(sdl, modes, { enrolled: true });
            try {
                const subscriptions = await session(r, sides, new AppDocuments(r, executable(sides.pipelines.schema), sides.callers, sdl), modes);
                const events = subscriptions.reduce((sum, { expected }) => sum + expected.length, 0);
                assert.ok(subscriptions.some(({ started }) => started));
                t.diagnostic(`${subscriptions.filter(({ started }) => started).length} of ${subscriptions.length} started, ${events} events`);
            } finally {
                await sides.stop();
            }
        });
    }
}
