// Random schemas with rules of every kind; random histories of all callers, on ampd and on the
// official resolvers; what is stored afterwards. Reproducible by the seed (SEED=n COUNT=m STEPS=k).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executable } from './lib/appsync.mjs';
import { bothSides, compare } from './lib/both.mjs';
import { random } from './lib/random.mjs';
import { acceptedSchema, Documents, everything, ownerForms } from './lib/ruled.mjs';

const MODES = [['apiKey', 'userPool'], ['userPool', 'apiKey'], ['apiKey', 'userPool', 'oidc']];
const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 6);
const steps = Number(process.env.STEPS ?? 300);
const limit = Number(process.env.LIMIT ?? 1); // how many differences are told

async function history(r, sides, sdl) {
    const schema = executable(sides.pipelines.schema);
    const documents = new Documents(r, schema, sides.callers, sdl);
    const { root } = sides.callers;
    const found = [];
    const ask = async ([query, variables], caller, at) => {
        const plain = JSON.parse(JSON.stringify(variables));
        const difference = await compare(sides, query, plain, { sorted: true, caller });
        if (difference !== undefined) {
            found.push(`step ${at}, ${caller.name}: ${query} ${JSON.stringify(plain)}\n${difference}`);
        }
        return difference === undefined;
    };
    for (let step = 0; step < 20; step++) {
        await ask(documents.write(root, 'create'), root, `-${20 - step}`);
    }
    for (let step = 0; step < steps && found.length < limit; step++) {
        const caller = r.chance(0.05) ? root : documents.caller();
        await ask(r.chance(0.45) ? documents.write(caller) : documents.read(caller), caller, step);
        if (step % 50 === 49) {
            for (const document of everything(schema, ownerForms(sides.callers))) {
                await ask(document, root, `${step}, all that is stored`);
            }
        }
    }
    return found;
}

for (let seed = first; seed < first + count; seed++) {
    test(`seed ${seed}`, async () => {
        const r = random(seed);
        const modes = MODES[seed % MODES.length];
        r.oidc = modes.includes('oidc');
        const sdl = acceptedSchema(r, modes);
        const sides = await bothSides(sdl, modes, { enrolled: true });
        try {
            const found = await history(r, sides, sdl);
            assert.ok(found.length === 0, `${sdl}\n${found.join('\n')}`);
        } finally {
            await sides.stop();
        }
    });
}
