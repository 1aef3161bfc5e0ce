// modes: userPool,apiKey,oidc,lambda
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        Inherit: a.model({ t: a.string() }),
        Own: a.model({ t: a.string() }).authorization((x) => [x.owner()]),
        inherited: a.query().returns(a.string()).handler(a.handler.function('fn')),
        owned: a
            .query()
            .returns(a.string())
            .handler(a.handler.function('fn'))
            .authorization((x) => [x.publicApiKey()]),
    })
    .authorization((allow) => [allow.authenticated(), allow.guest()]);
