// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        // onCreate + 42 letters is AppSync's limit of 50.
        ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOP: a.model({ t: a.string() }),
        ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQ: a.model({ t: a.string() }),
        ThisModelHasAnExtraordinarilyLongNameWhichGoesOnAndOnAndOn: a
            .model({ partition: a.string().required(), aVeryLongSortKeyName: a.string().required(), another: a.integer() })
            .secondaryIndexes((index) => [index('partition').sortKeys(['aVeryLongSortKeyName', 'another'])]),
    })
    .authorization((allow) => [allow.publicApiKey()]);
