// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        Color: a.enum(['RED', 'GREEN', 'BLUE']),
        Lonely: a.enum(['UNUSED', 'camelCase', 'CAMEL_CASE', 'HTTPError', 'A1', '_x']),
        Car: a
            .model({
                color: a.ref('Color').required(),
                colors: a.ref('Color').array(),
                more: a.ref('Color').required().array().required(),
                kind: a.enum(['SEDAN', 'SUV']),
                maker: a.string().required(),
            })
            .secondaryIndexes((index) => [
                index('color'),
                index('color').sortKeys(['maker']),
                index('maker').sortKeys(['color']),
                index('kind').sortKeys(['maker', 'color']),
            ]),
        ListOnly: a.model({ hues: a.ref('Color').array() }),
    })
    .authorization((allow) => [allow.publicApiKey()]);
