// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    OneBoolean: a.model({ flag: a.boolean() }).authorization((x) => [x.publicApiKey()]),
    OnlyRelation: a
        .model({ parts: a.hasMany('Part', 'wholeId') })
        .authorization((x) => [x.publicApiKey()]),
    Part: a
        .model({ wholeId: a.id(), whole: a.belongsTo('OnlyRelation', 'wholeId') })
        .authorization((x) => [x.publicApiKey()]),
    OnlyJson: a.model({ j: a.json().required().array().required() }).authorization((x) => [x.publicApiKey()]),
    OnlyCustom: a.model({ c: a.customType({ c: a.string() }) }).authorization((x) => [x.publicApiKey()]),
});
