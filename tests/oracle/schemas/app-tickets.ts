// modes: userPool,apiKey,oidc | oidc,userPool,apiKey
import { a } from '@aws-amplify/data-schema';

// Groups from other claims, of two kinds of users.
export const schema = a.schema({
    Ticket: a
        .model({
            title: a.string(),
            team: a.string(),
            teams: a.string().array(),
            priority: a.enum(['LOW', 'HIGH']),
            internal: a.string().authorization((allow) => [allow.groups(['Red']).withClaimIn('custom:team'), allow.groupDefinedIn('team', 'oidc').withClaimIn('custom:team').to(['read'])]),
            messages: a.hasMany('Message', 'ticketId'),
        })
        .secondaryIndexes((index) => [index('team').sortKeys(['title'])])
        .authorization((allow) => [
            allow.owner(),
            allow.groupDefinedIn('team').withClaimIn('custom:team').to(['read', 'update']),
            allow.groupsDefinedIn('teams').to(['read']),
            allow.groupDefinedIn('team', 'oidc').withClaimIn('custom:team'),
            allow.groups(['Red']).withClaimIn('custom:team').to(['read', 'update', 'delete']),
        ]),
    Message: a
        .model({
            ticketId: a.id(),
            ticket: a.belongsTo('Ticket', 'ticketId'),
            text: a.string(),
            files: a.hasMany('Attachment', 'messageId'),
        })
        .authorization((allow) => [allow.owner('oidc').identityClaim('email'), allow.group('Blue').to(['read']), allow.group('Blue', 'oidc').to(['read', 'delete'])]),
    Attachment: a
        .model({ messageId: a.id(), message: a.belongsTo('Message', 'messageId'), name: a.string(), size: a.integer() })
        .authorization((allow) => [allow.authenticated('oidc').to(['create', 'read']), allow.groups(['Admin', 'Blue']).to(['read']), allow.owner().to(['create', 'delete'])]),
});
