// modes: apiKey,userPool | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

// What anyone may send in and few may read.
export const schema = a.schema({
    Survey: a
        .model({
            title: a.string().required(),
            closed: a.boolean().default(false),
            key: a.string().authorization((allow) => [allow.owner(), allow.group('Admin').to(['read'])]),
            answers: a.hasMany('Answer', 'surveyId'),
            summary: a.hasOne('Summary', 'surveyId').authorization((allow) => [allow.owner(), allow.group('Admin')]),
        })
        .authorization((allow) => [allow.owner(), allow.publicApiKey().to(['get']), allow.group('Admin').to(['read', 'delete'])]),
    Answer: a
        .model({
            surveyId: a.id().required(),
            survey: a.belongsTo('Survey', 'surveyId'),
            choice: a.enum(['YES', 'NO']),
            comment: a.string(),
            ip: a.ipAddress().authorization((allow) => [allow.group('Admin'), allow.publicApiKey().to(['create'])]),
        })
        .authorization((allow) => [allow.publicApiKey().to(['create']), allow.guest().to(['create']), allow.group('Admin'), allow.groups(['Red', 'Blue']).to(['list'])]),
    Summary: a
        .model({ surveyId: a.id(), survey: a.belongsTo('Survey', 'surveyId'), count: a.integer(), byDay: a.json() })
        .disableOperations(['update', 'subscriptions'])
        .authorization((allow) => [allow.group('Admin'), allow.owner().to(['read', 'create'])]),
});
