// modes: userPool,apiKey,lambda,oidc | lambda,userPool,apiKey
import { a } from '@aws-amplify/data-schema';

// A rule of the schema for most, custom authorisers, custom types, operations with rules of their own.
export const schema = a
    .schema({
        Level: a.enum(['DRAFT', 'FINAL']),
        Source: a.customType({ link: a.url().required(), level: a.ref('Level'), quotes: a.string().array() }),
        Page: a.model({
            title: a.string().required(),
            level: a.ref('Level'),
            sources: a.ref('Source').array(),
            lock: a.string().authorization((allow) => [allow.custom(), allow.group('Admin')]),
            revisions: a.hasMany('Revision', 'pageId'),
        }),
        Revision: a
            .model({ pageId: a.id(), page: a.belongsTo('Page', 'pageId'), text: a.string(), author: a.string() })
            .authorization((allow) => [allow.ownerDefinedIn('author'), allow.custom().to(['read'])]),
        Watch: a.model({ page: a.string() }).authorization((allow) => [allow.owner(), allow.custom().to(['list', 'listen', 'create'])]),
        Hit: a.customType({ page: a.string(), score: a.float().required() }),
        search: a
            .query()
            .arguments({ text: a.string().required(), levels: a.ref('Level').array() })
            .returns(a.ref('Page').array())
            .handler(a.handler.function('search'))
            .authorization((allow) => [allow.publicApiKey(), allow.authenticated(), allow.guest()]),
        stats: a.query().returns(a.customType({ pages: a.integer().required(), by: a.ref('Level') })).handler(a.handler.function('stats')).authorization((allow) => [allow.custom(), allow.authenticated('identityPool')]),
        rename: a
            .mutation()
            .arguments({ id: a.id().required(), title: a.string() })
            .returns(a.ref('Page'))
            .handler(a.handler.function('rename'))
            .authorization((allow) => [allow.groups(['Admin', 'Red']), allow.custom()]),
        onRename: a
            .subscription()
            .for(a.ref('rename'))
            .handler(a.handler.custom({ entry: './pass.js' }))
            .authorization((allow) => [allow.authenticated()]),
    })
    .authorization((allow) => [allow.custom(), allow.authenticated().to(['read']), allow.group('Admin')]);
