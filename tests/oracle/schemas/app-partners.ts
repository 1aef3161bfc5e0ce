// modes: oidc,userPool,apiKey | userPool,oidc,apiKey
import { a } from '@aws-amplify/data-schema';

// Users of another issuer beside those of the pool, each with items of their own in the same tables.
export const schema = a.schema({
    Deal: a
        .model({
            title: a.string(),
            partner: a.string(),
            agent: a.string(),
            value: a.float().authorization((allow) => [allow.ownerDefinedIn('partner', 'oidc'), allow.ownerDefinedIn('agent').to(['read', 'update'])]),
            commission: a.float().authorization((allow) => [allow.ownerDefinedIn('agent'), allow.group('Admin', 'oidc').to(['read'])]),
            steps: a.hasMany('Step', 'dealId'),
            contract: a.hasOne('Contract', 'dealId'),
        })
        .secondaryIndexes((index) => [index('partner').sortKeys(['agent']), index('agent')])
        .authorization((allow) => [
            allow.ownerDefinedIn('partner', 'oidc'),
            allow.ownerDefinedIn('agent').to(['create', 'read', 'update']),
            allow.groups(['Admin', 'Red'], 'oidc').to(['read', 'delete']),
        ]),
    Step: a
        .model({ dealId: a.id(), deal: a.belongsTo('Deal', 'dealId'), text: a.string(), done: a.boolean(), watchers: a.string().array() })
        .authorization((allow) => [allow.ownersDefinedIn('watchers', 'oidc').identityClaim('sub').to(['create', 'read', 'update']), allow.authenticated().to(['read', 'create'])]),
    Contract: a
        .model({ dealId: a.id(), deal: a.belongsTo('Deal', 'dealId'), text: a.string(), signer: a.string() })
        .authorization((allow) => [allow.ownerDefinedIn('signer', 'oidc').identityClaim('username::email'), allow.authenticated('oidc').to(['read'])]),
});
