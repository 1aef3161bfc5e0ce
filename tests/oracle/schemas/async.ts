// modes: userPool,apiKey | apiKey,userPool
import { a } from '@aws-amplify/data-schema';

const fn = { getInstance: () => ({}) };
export const schema = a.schema({
    startJob: a
        .mutation()
        .arguments({ j: a.json() })
        .handler(a.handler.function(fn).async())
        .authorization((x) => [x.authenticated()]),
    startQuery: a
        .query()
        .arguments({ j: a.json() })
        .handler(a.handler.function('named').async())
        .authorization((x) => [x.publicApiKey()]),
    pipeline: a
        .mutation()
        .handler([a.handler.function(fn), a.handler.function(fn).async()])
        .authorization((x) => [x.group('Ops')]),
});
