// modes: userPool,apiKey | apiKey,userPool | oidc,userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    Status: a.enum(['DRAFT', 'PUBLISHED']),
    Loc: a.customType({ lat: a.float(), tags: a.string().array() }),
    Post: a
        .model({
            title: a.string().required(),
            status: a.ref('Status'),
            author: a.belongsTo('User', 'authorId'),
            authorId: a.id(),
            comments: a.hasMany('Comment', 'postId'),
        })
        .authorization((allow) => [allow.publicApiKey().to(['read']), allow.owner()]),
    Comment: a
        .model({ body: a.string().required(), post: a.belongsTo('Post', 'postId'), postId: a.id() })
        .authorization((allow) => [
            allow.publicApiKey().to(['read']),
            allow.authenticated().to(['create']),
            allow.owner().to(['update', 'delete']),
        ]),
    User: a
        .model({ name: a.string().required(), posts: a.hasMany('Post', 'authorId') })
        .authorization((allow) => [allow.owner(), allow.authenticated().to(['read'])]),
    like: a
        .mutation()
        .arguments({ id: a.id().required() })
        .returns(a.ref('Post'))
        .handler(a.handler.custom({ dataSource: a.ref('Post'), entry: './like.js' }))
        .authorization((allow) => [allow.authenticated()]),
    echo: a
        .query()
        .arguments({ x: a.string() })
        .returns(a.string())
        .handler(a.handler.function('fnx'))
        .authorization((allow) => [allow.authenticated()]),
    onLike: a
        .subscription()
        .for(a.ref('like'))
        .handler(a.handler.custom({ entry: './on-like.js' }))
        .authorization((allow) => [allow.authenticated()]),
});
