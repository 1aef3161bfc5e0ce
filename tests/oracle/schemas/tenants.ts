// modes: userPool,apiKey | oidc,userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        Plan: a.enum(['FREE', 'TEAM', 'ENTERPRISE']),
        Tenant: a
            .model({
                tenantId: a.id().required(),
                plan: a.ref('Plan').required(),
                limits: a.customType({ seats: a.integer().required(), regions: a.string().required().array().required() }),
                admins: a.string().array(),
                projects: a.hasMany('Project', 'tenantId'),
            })
            .identifier(['tenantId'])
            .authorization((allow) => [allow.groupsDefinedIn('admins'), allow.authenticated().to(['get'])]),
        Project: a
            .model({
                tenantId: a.id().required(),
                tenant: a.belongsTo('Tenant', 'tenantId'),
                number: a.integer().required(),
                state: a.enum(['OPEN', 'CLOSED']),
                due: a.date(),
                team: a.string(),
            })
            .identifier(['tenantId', 'number'])
            .secondaryIndexes((index) => [
                index('tenantId').sortKeys(['state', 'due']).queryField('projectsByStateAndDue'),
                index('state').sortKeys(['due']).queryField('projectsByState').projection('INCLUDE', ['team']),
                index('team').projection('KEYS_ONLY'),
            ])
            .authorization((allow) => [
                allow.groupDefinedIn('team'),
                allow.groups(['Auditors', 'Support']).to(['read']),
                allow.owner().to(['create']),
            ]),
        Audit: a.model({ at: a.timestamp().required(), what: a.json().required() }).disableOperations(['update', 'delete', 'subscriptions']),
        export: a.mutation().arguments({ tenantId: a.id().required() }).handler(a.handler.function('export').async()),
    })
    .authorization((allow) => [allow.group('Operators')]);
