// modes: userPool,apiKey
import { a } from '@aws-amplify/data-schema';

const first = a.schema({
    Thing: a.model({ t: a.string(), kind: a.enum(['A', 'B']) }).authorization((x) => [x.owner()]),
    Shared: a.customType({ v: a.string() }),
});
const second = a
    .schema({
        Other: a.model({ u: a.integer() }),
        find: a.query().arguments({ q: a.string() }).returns(a.integer()).handler(a.handler.function('find')),
    })
    .authorization((allow) => [allow.publicApiKey()]);
export const schema = { transform: () => ({ schema: a.combine([first, second]).schemas.map((s) => s.transform().schema).join('\n') }) };
