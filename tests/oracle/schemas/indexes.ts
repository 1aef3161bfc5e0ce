// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        Reading: a
            .model({
                device: a.id().required(),
                site: a.string(),
                kind: a.string().required(),
                at: a.datetime(),
                seconds: a.timestamp(),
                value: a.float(),
                count: a.integer(),
                note: a.string(),
            })
            .secondaryIndexes((index) => [
                index('device'),
                index('site').sortKeys(['at']),
                index('site').sortKeys(['seconds']).queryField('readingsSince'),
                index('kind').sortKeys(['value']).name('KindValue'),
                index('kind').sortKeys(['count', 'value']),
                index('kind').sortKeys(['site', 'at', 'seconds']).name('k_s_a_s').queryField('quadruple'),
                index('count').queryField(null),
                index('value').queryField(null).sortKeys(['site', 'count']),
                index('at').projection('KEYS_ONLY'),
                index('seconds').projection('INCLUDE', ['note', 'count']).sortKeys(['kind']),
            ]),
        Composite: a
            .model({ p: a.id().required(), s: a.string().required(), other: a.string(), rank: a.integer() })
            .identifier(['p', 's'])
            .secondaryIndexes((index) => [
                index('p').sortKeys(['rank']).queryField('compositesByRank'),
                index('other').sortKeys(['s']),
                index('s'),
            ]),
        NoList: a
            .model({ tag: a.string().required(), state: a.enum(['on', 'off']) })
            .disableOperations(['list'])
            .secondaryIndexes((index) => [index('tag'), index('state').sortKeys(['tag'])]),
        NoQueries: a
            .model({ tag: a.string().required() })
            .disableOperations(['queries'])
            .secondaryIndexes((index) => [index('tag')]),
        lower: a.model({ tag: a.string().required() }).secondaryIndexes((index) => [index('tag')]),
    })
    .authorization((allow) => [allow.publicApiKey()]);
