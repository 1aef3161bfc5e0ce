// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

const without = (...operations) => a.model({ t: a.string(), e: a.enum(['A', 'B']) }).disableOperations(operations);
export const schema = a
    .schema({
        NoQueries: without('queries'),
        NoMutations: without('mutations'),
        NoSubscriptions: without('subscriptions'),
        NoGet: without('get'),
        NoList: without('list'),
        NoCreate: without('create'),
        NoUpdate: without('update'),
        NoDelete: without('delete'),
        NoOnCreate: without('onCreate'),
        NoOnUpdate: without('onUpdate'),
        NoOnDelete: without('onDelete'),
        OnlyCreate: without('update', 'delete', 'subscriptions', 'queries'),
        OnlyListen: without('queries', 'update', 'delete'),
        NoGetNoList: without('get', 'list'),
        NoWrites: without('create', 'update', 'delete'),
        Nothing: without('queries', 'mutations', 'subscriptions'),
        KeyedNoList: a
            .model({ k: a.id().required(), s: a.integer().required(), u: a.float().required() })
            .identifier(['k', 's', 'u'])
            .disableOperations(['list', 'update']),
        KeyedNoMutations: a
            .model({ k: a.id().required(), s: a.datetime().required() })
            .identifier(['k', 's'])
            .disableOperations(['mutations']),
    })
    .authorization((allow) => [allow.publicApiKey()]);
