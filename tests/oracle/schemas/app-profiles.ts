// modes: userPool,apiKey | apiKey,userPool
import { a } from '@aws-amplify/data-schema';

// A network of people: open, private and shared parts of a profile; threads that refer to themselves.
export const schema = a.schema({
    Person: a
        .model({
            nick: a.string().required(),
            bio: a.string(),
            email: a.email().authorization((allow) => [allow.owner()]),
            birthday: a.date().authorization((allow) => [allow.owner(), allow.ownersDefinedIn('friends').to(['read'])]),
            mood: a.enum(['GOOD', 'BAD']),
            home: a.customType({ city: a.string().required(), geo: a.customType({ lat: a.float().required(), marks: a.integer().array() }) }),
            friends: a.string().array(),
            posts: a.hasMany('Story', 'personId'),
            settings: a.hasOne('Settings', 'personId'),
        })
        .authorization((allow) => [allow.owner(), allow.authenticated().to(['read']), allow.publicApiKey().to(['get'])]),
    Settings: a
        .model({ personId: a.id(), person: a.belongsTo('Person', 'personId'), theme: a.string(), muted: a.string().array() })
        .authorization((allow) => [allow.owner()]),
    Story: a
        .model({
            personId: a.id(),
            person: a.belongsTo('Person', 'personId'),
            author: a.string(),
            audience: a.string().array(),
            text: a.string().required(),
            hidden: a.boolean().authorization((allow) => [allow.ownerDefinedIn('author'), allow.group('Admin')]),
            parentId: a.id(),
            parent: a.belongsTo('Story', 'parentId'),
            replies: a.hasMany('Story', 'parentId'),
            reactions: a.hasMany('Reaction', 'storyId'),
        })
        .secondaryIndexes((index) => [index('author').sortKeys(['text']).queryField('storiesOf')])
        .authorization((allow) => [
            allow.ownerDefinedIn('author'),
            allow.ownersDefinedIn('audience').to(['read']),
            allow.group('Admin').to(['read', 'update', 'delete']),
        ]),
    Reaction: a
        .model({
            storyId: a.id().required(),
            kind: a.enum(['LIKE', 'LOVE']),
            story: a.belongsTo('Story', 'storyId'),
            by: a.string().required(),
        })
        .identifier(['storyId', 'by'])
        .authorization((allow) => [allow.ownerDefinedIn('giver').to(['create', 'delete']), allow.authenticated().to(['get', 'list'])]),
    Block: a
        .model({ who: a.string().required(), whom: a.string().required(), why: a.string() })
        .identifier(['whom'])
        .authorization((allow) => [allow.ownerDefinedIn('who').identityClaim('sub').to(['create', 'read', 'delete'])]),
});
