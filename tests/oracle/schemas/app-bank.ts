// modes: userPool,apiKey
import { a } from '@aws-amplify/data-schema';

// Keys of several parts, owners within keys and indexes.
export const schema = a.schema({
    Account: a
        .model({
            holder: a.string().required(),
            number: a.integer().required(),
            currency: a.string().required(),
            limit: a.float(),
            frozen: a.boolean().authorization((allow) => [allow.group('Admin'), allow.ownerDefinedIn('holder').to(['read'])]),
            entries: a.hasMany('Entry', ['holder', 'number', 'currency']),
        })
        .identifier(['holder', 'number', 'currency'])
        .authorization((allow) => [allow.ownerDefinedIn('holder').to(['read', 'update']), allow.group('Admin')]),
    Entry: a
        .model({
            holder: a.string(),
            number: a.integer(),
            currency: a.string(),
            account: a.belongsTo('Account', ['holder', 'number', 'currency']),
            day: a.date(),
            amount: a.float(),
            kind: a.enum(['IN', 'OUT']),
        })
        .secondaryIndexes((index) => [
            index('holder').sortKeys(['day']).queryField('entriesByDay'),
            index('kind').sortKeys(['day', 'amount']).queryField('entriesByKind'),
        ])
        .authorization((allow) => [allow.ownerDefinedIn('holder').to(['read', 'create']), allow.group('Admin').to(['read', 'delete'])]),
    Standing: a
        .model({ team: a.string().required(), name: a.string().required(), amount: a.float(), approvers: a.string().array() })
        .identifier(['team', 'name'])
        .secondaryIndexes((index) => [index('name').sortKeys(['team'])])
        .authorization((allow) => [allow.groupDefinedIn('team').to(['create', 'read']), allow.ownersDefinedIn('approvers').to(['read', 'update', 'delete'])]),
    Card: a
        .model({ sub: a.string().required(), pin: a.string() })
        .identifier(['sub'])
        .authorization((allow) => [allow.ownerDefinedIn('sub').identityClaim('sub')]),
});
