// modes: userPool,apiKey | apiKey,userPool
import { a } from '@aws-amplify/data-schema';

// Devices and guests of the identity pool beside users and the key; fields that only some providers see.
export const schema = a.schema({
    Device: a
        .model({
            serial: a.string().required(),
            kind: a.enum(['HOT', 'COLD']),
            label: a.string().authorization((allow) => [allow.authenticated('identityPool'), allow.owner(), allow.guest().to(['read'])]),
            key: a.string().authorization((allow) => [allow.authenticated('identityPool').to(['create', 'read'])]),
            readings: a.hasMany('Reading', 'serial'),
            last: a.hasOne('Status', 'serial'),
        })
        .identifier(['serial'])
        .authorization((allow) => [allow.authenticated('identityPool'), allow.guest().to(['read']), allow.owner(), allow.publicApiKey().to(['get'])]),
    Reading: a
        .model({
            serial: a.string().required(),
            at: a.timestamp().required(),
            device: a.belongsTo('Device', 'serial'),
            value: a.float().required(),
        })
        .identifier(['serial', 'at'])
        .authorization((allow) => [allow.publicApiKey().to(['create']), allow.authenticated('identityPool').to(['read']), allow.guest().to(['list', 'listen'])]),
    Status: a
        .model({ serial: a.string(), device: a.belongsTo('Device', 'serial'), ok: a.boolean(), note: a.string() })
        .authorization((allow) => [allow.guest(), allow.authenticated('identityPool')]),
    Alarm: a
        .model({ text: a.string(), level: a.integer().required().authorization((allow) => [allow.guest().to(['create', 'read']), allow.group('Admin').to(['read', 'delete'])]) })
        .authorization((allow) => [allow.guest().to(['create', 'read']), allow.group('Admin').to(['read', 'delete'])]),
});
