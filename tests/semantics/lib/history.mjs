// A random history of all callers, on both sides.
import { everythingOf } from './apps.mjs';
import { compare } from './both.mjs';
import { ownerForms } from './ruled.mjs';

/** {found: what differs, at most `limit` of it; told: how many answers had errors}. */
export async function history(r, sides, documents, { steps, limit }) {
    const { schema } = documents;
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
