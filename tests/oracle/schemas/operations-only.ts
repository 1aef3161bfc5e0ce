// modes: apiKey | userPool,apiKey | iam,userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    Entry: a.customType({ n: a.integer().required() }),
    Result: a.customType({ value: a.string(), list: a.ref('Entry').array() }),
    ping: a
        .query()
        .returns(a.ref('Result'))
        .handler(a.handler.custom({ entry: './ping.js' }))
        .authorization((x) => [x.publicApiKey()]),
});
