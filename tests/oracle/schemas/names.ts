// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    snake_case: a
        .model({ some_field: a.string().required(), Other_Field: a.integer(), _x: a.string() })
        .secondaryIndexes((index) => [index('some_field').sortKeys(['Other_Field', '_x']), index('Other_Field')])
        .authorization((x) => [x.publicApiKey()]),
    lowercase: a
        .model({ UPPER: a.id().required(), Sort: a.string().required(), third: a.string().required() })
        .identifier(['UPPER', 'Sort', 'third'])
        .authorization((x) => [x.publicApiKey()]),
    lower_type: a.customType({ inner_thing: a.customType({ x: a.integer() }), Kind_of: a.enum(['a', 'b']) }),
    UsesLower: a
        .model({ it: a.ref('lower_type'), inline_kind: a.enum(['one']), Inline: a.customType({ y: a.string() }) })
        .authorization((x) => [x.publicApiKey()]),
    Do_It: a
        .mutation()
        .arguments({ the_arg: a.customType({ v: a.string() }) })
        .returns(a.customType({ r: a.string() }))
        .handler(a.handler.function('fn'))
        .authorization((x) => [x.publicApiKey()]),
    and: a.model({ order: a.string() }).authorization((x) => [x.publicApiKey()]),
});
