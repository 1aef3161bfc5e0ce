// modes: userPool,apiKey,oidc,lambda | apiKey,userPool,oidc,lambda | iam,userPool,apiKey,lambda,oidc
import { a } from '@aws-amplify/data-schema';

const fn = { getInstance: () => ({}) };
export const schema = a.schema({
    Level: a.enum(['LOW', 'HIGH']),
    Spot: a.customType({ lat: a.float(), level: a.ref('Level'), inner: a.customType({ z: a.integer() }) }),
    Todo: a.model({ content: a.string() }).authorization((x) => [x.publicApiKey(), x.owner()]),
    echo: a
        .query()
        .arguments({
            text: a.string().required(),
            count: a.integer(),
            list: a.string().array(),
            required: a.string().required().array().required(),
            mood: a.enum(['UP', 'DOWN']),
            level: a.ref('Level'),
            levels: a.ref('Level').array(),
            spot: a.ref('Spot'),
            spots: a.ref('Spot').required().array(),
            inline: a.customType({ k: a.string(), kk: a.enum(['m', 'n']), deep: a.customType({ v: a.json() }) }),
        })
        .returns(a.string())
        .handler(a.handler.function('echoFn'))
        .authorization((x) => [x.publicApiKey(), x.authenticated()]),
    inlineResult: a
        .query()
        .returns(a.customType({ u: a.string(), sub: a.customType({ w: a.integer() }) }))
        .handler(a.handler.function(fn))
        .authorization((x) => [x.group('Admin')]),
    spotOf: a
        .query()
        .arguments({ id: a.id() })
        .returns(a.ref('Spot'))
        .handler(a.handler.custom({ entry: './x.js' }))
        .authorization((x) => [x.authenticated(), x.publicApiKey()]),
    spots: a
        .query()
        .returns(a.ref('Spot').array())
        .handler([
            a.handler.custom({ dataSource: a.ref('Todo'), entry: './x.js' }),
            a.handler.custom({ dataSource: 'HttpDs', entry: './y.js' }),
        ])
        .authorization((x) => [x.groups(['G1', 'G2'])]),
    enumResult: a
        .query()
        .returns(a.enum(['k1', 'k2']))
        .handler(a.handler.function('echoFn'))
        .authorization((x) => [x.guest()]),
    like: a
        .mutation()
        .arguments({ id: a.id().required() })
        .returns(a.ref('Todo'))
        .handler(a.handler.custom({ dataSource: a.ref('Todo'), entry: './like.js' }))
        .authorization((x) => [x.authenticated()]),
    chain: a
        .mutation()
        .arguments({ j: a.json() })
        .returns(a.json())
        .handler([a.handler.function(fn), a.handler.function(fn)])
        .authorization((x) => [x.authenticated('identityPool')]),
    onLike: a
        .subscription()
        .for(a.ref('like'))
        .handler(a.handler.custom({ entry: './on-like.js' }))
        .authorization((x) => [x.authenticated()]),
    onTodo: a
        .subscription()
        .for(a.ref('Todo').mutations(['create', 'update']))
        .arguments({ content: a.string() })
        .handler(a.handler.custom({ entry: './on-todo.js' }))
        .authorization((x) => [x.publicApiKey()]),
    custom: a
        .query()
        .returns(a.string())
        .handler(a.handler.function('echoFn'))
        .authorization((x) => [x.custom()]),
    customJs: a
        .query()
        .returns(a.ref('Level'))
        .handler(a.handler.custom({ entry: './z.js' }))
        .authorization((x) => [x.custom(), x.publicApiKey()]),
    publish: a
        .mutation()
        .arguments({ c: a.string() })
        .returns(a.ref('Spot').required())
        .handler(a.handler.function('echoFn'))
        .authorization((x) => [x.publicApiKey(), x.authenticated('oidc')]),
    onPublish: a
        .subscription()
        .for(a.ref('publish'))
        .handler(a.handler.custom({ entry: './on-publish.js' }))
        .authorization((x) => [x.publicApiKey()]),
    oidcJs: a
        .query()
        .returns(a.integer().array().required())
        .handler(a.handler.custom({ entry: './o.js' }))
        .authorization((x) => [x.authenticated('oidc')]),
});
