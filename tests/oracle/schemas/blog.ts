// modes: apiKey | userPool,apiKey | iam,userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    Post: a
        .model({
            title: a.string().required(),
            body: a.string().required(),
            published: a.boolean().default(false),
            author: a.belongsTo('User', 'authorId'),
            authorId: a.id(),
            comments: a.hasMany('Comment', 'postId'),
        })
        .authorization((allow) => [allow.publicApiKey()]),
    Comment: a
        .model({
            body: a.string().required(),
            post: a.belongsTo('Post', 'postId'),
            postId: a.id(),
        })
        .authorization((allow) => [allow.publicApiKey()]),
    User: a
        .model({
            name: a.string().required(),
            email: a.email().required(),
            posts: a.hasMany('Post', 'authorId'),
        })
        .secondaryIndexes((index) => [index('email').sortKeys(['name']).queryField('byEmail')])
        .authorization((allow) => [allow.publicApiKey().to(['read', 'create'])]),
});
