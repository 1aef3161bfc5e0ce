// Random schemas with keys, references, types and switches of every kind; random histories of all
// callers, on ampd and on the official resolvers (SEED=n COUNT=m STEPS=k).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppDocuments } from './lib/apps.mjs';
import { executable } from './lib/appsync.mjs';
import { bothSides } from './lib/both.mjs';
import { history } from './lib/history.mjs';
import { random } from './lib/random.mjs';
import { acceptedWild } from './lib/wild.mjs';

const MODES = [['userPool', 'apiKey', 'lambda'], ['apiKey', 'userPool'], ['userPool', 'apiKey', 'oidc', 'lambda'], ['lambda', 'userPool', 'apiKey']];
const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 4);
const steps = Number(process.env.STEPS ?? 200);
const limit = Number(process.env.LIMIT ?? 1);

for (let seed = first; seed < first + count; seed++) {
    test(`seed ${seed}`, async (t) => {
        const r = random(seed + 7000);
        const modes = MODES[seed % MODES.length];
        r.oidc = modes.includes('oidc');
        r.lambda = modes.includes('lambda');
        const sdl = acceptedWild(r, modes);
        const sides = await bothSides(sdl, modes, { enrolled: true });
        try {
            const documents = new AppDocuments(r, executable(sides.pipelines.schema), sides.callers, sdl);
            const { found, told } = await history(r, sides, documents, { steps, limit });
            t.diagnostic(`${told.admitted} answers without an error, ${told.refused} with some`);
            assert.ok(found.length === 0, `${modes}\n${sdl}\n${found.join('\n')}`);
        } finally {
            await sides.stop();
        }
    });
}
