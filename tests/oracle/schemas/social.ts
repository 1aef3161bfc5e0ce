// modes: userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    Profile: a
        .model({
            handle: a.string().required(),
            picture: a.url(),
            followers: a.hasMany('Follow', 'followedId'),
            following: a.hasMany('Follow', 'followerId'),
            posts: a.hasMany('Entry', 'profileHandle'),
        })
        .identifier(['handle'])
        .authorization((allow) => [allow.ownerDefinedIn('handle').identityClaim('username'), allow.authenticated().to(['read'])]),
    Follow: a
        .model({
            followerId: a.string().required(),
            followedId: a.string().required(),
            follower: a.belongsTo('Profile', 'followerId'),
            followed: a.belongsTo('Profile', 'followedId'),
            since: a.date().required(),
        })
        .identifier(['followerId', 'followedId'])
        .secondaryIndexes((index) => [index('followedId').sortKeys(['since']).queryField('followersSince')])
        .authorization((allow) => [allow.owner().to(['create', 'delete', 'read']), allow.authenticated().to(['get', 'list'])]),
    Entry: a
        .model({
            profileHandle: a.string().required(),
            profile: a.belongsTo('Profile', 'profileHandle'),
            text: a.string().required().validate((v) => v.minLength(1).maxLength(500)),
            visibility: a.enum(['PUBLIC', 'FOLLOWERS', 'NOBODY']),
            reactions: a.json(),
            editors: a.string().array(),
        })
        .authorization((allow) => [
            allow.ownersDefinedIn('editors').to(['update']),
            allow.ownerDefinedIn('profileHandle'),
            allow.group('Moderators').to(['update', 'delete']),
            allow.publicApiKey().to(['get', 'list', 'listen']),
        ]),
    feed: a
        .query()
        .arguments({ since: a.datetime(), limit: a.integer() })
        .returns(a.ref('Entry').array())
        .handler(a.handler.custom({ dataSource: a.ref('Entry'), entry: './feed.js' }))
        .authorization((allow) => [allow.authenticated()]),
});
