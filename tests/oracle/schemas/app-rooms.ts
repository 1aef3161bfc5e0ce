// modes: userPool,apiKey | userPool,apiKey,oidc
import { a } from '@aws-amplify/data-schema';

// Rooms with lists of members, hosts and guests; what is said there.
export const schema = a.schema({
    Room: a
        .model({
            topic: a.string(),
            host: a.string(),
            members: a.string().array(),
            banned: a.string().array().authorization((allow) => [allow.ownerDefinedIn('host')]),
            lines: a.hasMany('Line', 'roomId'),
            polls: a.hasMany('Poll', 'roomId'),
        })
        .authorization((allow) => [allow.ownerDefinedIn('host'), allow.ownersDefinedIn('members').to(['read', 'update'])]),
    Line: a
        .model({
            roomId: a.id().required(),
            room: a.belongsTo('Room', 'roomId'),
            at: a.datetime().required(),
            text: a.string(),
            members: a.string().array(),
            seen: a.string().array(),
        })
        .secondaryIndexes((index) => [index('roomId').sortKeys(['at']).queryField('linesOfRoom')])
        .authorization((allow) => [
            allow.owner().to(['create', 'update', 'delete']),
            allow.ownersDefinedIn('members').to(['get', 'list', 'listen']),
            allow.ownersDefinedIn('seen').to(['update']),
        ]),
    Poll: a
        .model({
            roomId: a.id(),
            room: a.belongsTo('Room', 'roomId'),
            question: a.string().default('?'),
            open: a.boolean().default(true),
            votes: a.hasMany('Vote', 'pollId'),
        })
        .authorization((allow) => [allow.owner(), allow.authenticated().to(['read']), allow.group('Admin').to(['delete'])]),
    Vote: a
        .model({ pollId: a.id().required(), poll: a.belongsTo('Poll', 'pollId'), choice: a.integer().required() })
        .authorization((allow) => [allow.owner().to(['create', 'read']), allow.groups(['Admin', 'Red']).to(['list'])]),
});
