// Random schemas with rules, all callers subscribed: who may start, by ampd and by the official
// resolvers, and which events of a random history each gets (SEED=n COUNT=m).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executable } from './lib/appsync.mjs';
import { bothSides } from './lib/both.mjs';
import { random } from './lib/random.mjs';
import { acceptedSchema, Documents } from './lib/ruled.mjs';
import { mark, session } from './lib/session.mjs';

const MODES = [['apiKey', 'userPool', 'oidc'], ['userPool', 'apiKey']];
const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 4);

for (let seed = first; seed < first + count; seed++) {
    test(`seed ${seed}`, async () => {
        const r = random(seed + 1000);
        const modes = MODES[seed % MODES.length];
        r.oidc = modes.includes('oidc');
        const sdl = `${acceptedSchema(r, modes)}\n${mark(modes)}`;
        const sides = await bothSides(sdl, modes, { enrolled: true });
        try {
            const subscriptions = await session(r, sides, new Documents(r, executable(sides.pipelines.schema), sides.callers, sdl), modes);
            const events = subscriptions.reduce((sum, { expected }) => sum + expected.length, 0);
            assert.ok(subscriptions.some(({ started }) => started) && subscriptions.some(({ started }) => !started));
            console.log(`seed ${seed}: ${subscriptions.filter(({ started }) => started).length} of ${subscriptions.length} started, ${events} events`);
        } catch (e) {
            e.message = `${e.message}\n${sdl}`;
            throw e;
        } finally {
            await sides.stop();
        }
    });
}
