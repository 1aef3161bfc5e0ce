// Random schemas with keys, references, types and switches of every kind, on ampd and on the official resolvers: random
// histories of all callers; all of them subscribed (SEED=n COUNT=m STEPS=k).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppDocuments } from './lib/apps.mjs';
import { executable } from './lib/appsync.mjs';
import { bothSides } from './lib/both.mjs';
import { history } from './lib/history.mjs';
import { random } from './lib/random.mjs';
import { mark, session } from './lib/session.mjs';
import { acceptedWild } from './lib/wild.mjs';

const MODES = [['userPool', 'apiKey', 'lambda'], ['apiKey', 'userPool'], ['userPool', 'apiKey', 'oidc', 'lambda'], ['lambda', 'userPool', 'apiKey']];
const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 4);
const steps = Number(process.env.STEPS ?? 200);
const limit = Number(process.env.LIMIT ?? 1);

async function withSides(r, modes, more, use) {
    r.oidc = modes.includes('oidc');
    r.lambda = modes.includes('lambda');
    const sdl = `${acceptedWild(r, modes)}\n${more}`;
    const sides = await bothSides(sdl, modes, { enrolled: true });
    try {
        await use(sides, new AppDocuments(r, executable(sides.pipelines.schema), sides.callers, sdl));
    } catch (e) {
        e.message += `\n${modes}\n${sdl}`;
        throw e;
    } finally {
        await sides.stop();
    }
}

for (let seed = first; seed < first + count; seed++) {
    const modes = MODES[seed % MODES.length];
    test(`seed ${seed}`, async (t) => {
        const r = random(seed + 7000);
        await withSides(r, modes, '', async (sides, documents) => {
            const { found, told } = await history(r, sides, documents, { steps, limit });
            t.diagnostic(`${told.admitted} answers without an error, ${told.refused} with some`);
            assert.ok(found.length === 0, found.join('\n'));
        });
    });
    test(`seed ${seed}, subscribed`, async (t) => {
        const r = random(seed + 9000);
        await withSides(r, modes, mark(modes), async (sides, documents) => {
            const subscriptions = await session(r, sides, documents, modes);
            const events = subscriptions.reduce((sum, { expected }) => sum + expected.length, 0);
            t.diagnostic(`${subscriptions.filter(({ started }) => started).length} of ${subscriptions.length} started, ${events} events`);
        });
    });
}
