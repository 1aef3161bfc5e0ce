// Apps as people write them (the schemas app-*.ts beside those of the oracle): random histories of all
// callers, on ampd and on the official resolvers (SEED=n COUNT=m STEPS=k APP=regexp).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSchemas } from '../oracle/lib/schemas.mjs';
import { AppDocuments, everythingOf, modelsOnly } from './lib/apps.mjs';
import { executable } from './lib/appsync.mjs';
import { bothSides, compare } from './lib/both.mjs';
import { random } from './lib/random.mjs';
import { ownerForms } from './lib/ruled.mjs';

const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 1);
const steps = Number(process.env.STEPS ?? 200);
const limit = Number(process.env.LIMIT ?? 1); // how many differences are told
const wanted = new RegExp(process.env.APP ?? '.');

async function history(r, sides, sdl) {
    const schema = executable(sides.pipelines.schema);
    const documents = new AppDocuments(r, schema, sides.callers, sdl);
    const { root } = sides.callers;
    const found = [];
    const told = { admitted: 0, refused: 0 };
    const ask = async ([query, variables], caller, at) => {
        const plain = JSON.parse(JSON.stringify(variables));
        const difference = await compare(sides, query, plain, { sorted: true, caller, told });
        if (difference !== undefined) {
            found.push(`step ${at}, ${caller.name}: ${query} ${JSON.stringify(plain)}\n${difference}`);
        }
    };
    for (let step = 0; step < 30; step++) {
        await ask(documents.write(root, 'create'), root, `-${30 - step}`);
    }
    for (let step = 0; step < steps && found.length < limit; step++) {
        const caller = r.chance(0.1) ? root : documents.caller();
        await ask(r.chance(0.45) ? documents.write(caller) : documents.read(caller), caller, step);
        if (step % 50 === 49) {
            for (const document of everythingOf(schema, ownerForms(sides.callers), documents)) {
                await ask(document, root, `${step}, all that is stored`);
            }
        }
    }
    return { found, told };
}

for (const { name, sdl: whole, modes } of await loadSchemas((file) => file.startsWith('app-') && wanted.test(file))) {
    const sdl = modelsOnly(whole);
    for (const [at, list] of modes.entries()) {
        for (let seed = first; seed < first + count; seed++) {
            test(`${name} ${list}, seed ${seed}`, async (t) => {
                const sides = await bothSides(sdl, list, { enrolled: true });
                try {
                    const { found, told } = await history(random(seed * 1000 + at), sides, sdl);
                    t.diagnostic(`${told.admitted} answers without an error, ${told.refused} with some`);
                    assert.ok(found.length === 0, found.join('\n'));
                } finally {
                    await sides.stop();
                }
            });
        }
    }
}
