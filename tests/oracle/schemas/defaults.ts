// modes: apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        Kind: a.enum(['x', 'y']),
        Defaults: a.model({
            s: a.string().default('some text: # {braces} and \'quotes\''),
            i: a.integer().default(7),
            n: a.integer().default(-1),
            f: a.float().default(1.5),
            b: a.boolean().default(true),
            d: a.date().default('2020-01-01'),
            t: a.time().default('10:00:00.000Z'),
            dt: a.datetime().default('2020-01-01T00:00:00.000Z'),
            ts: a.timestamp().default(5),
            m: a.email().default('a@b.example'),
            u: a.url().default('https://example.com/'),
            ip: a.ipAddress().default('127.0.0.1'),
            ph: a.phone().default('+12024561111'),
            id1: a.id().default('one'),
            req: a.string().required().default('needed'),
            empty: a.string().default(''),
        }),
        Checked: a.model({
            s: a.string().validate((v) => v.minLength(3, 'too short').maxLength(10).startsWith('a').endsWith('z').matches('^a.*z$', 'pattern')),
            i: a.integer().validate((v) => v.gt(1).lt(100, 'big').gte(2).lte(99)),
            f: a.float().validate((v) => v.positive()),
        }),
    })
    .authorization((allow) => [allow.publicApiKey()]);
