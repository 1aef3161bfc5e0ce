// modes: userPool,apiKey | apiKey,userPool
import { a } from '@aws-amplify/data-schema';

// Reading, listing and listening by different people.
export const schema = a.schema({
    Event: a
        .model({
            title: a.string(),
            start: a.datetime(),
            day: a.date(),
            hour: a.time(),
            guests: a.string().array(),
            team: a.string(),
            place: a.string().authorization((allow) => [allow.owner(), allow.ownersDefinedIn('guests').to(['read']), allow.groupDefinedIn('team').to(['read'])]),
            reminders: a.hasMany('Reminder', 'eventId'),
        })
        .secondaryIndexes((index) => [index('day').sortKeys(['hour']).queryField('eventsOfDay'), index('team').sortKeys(['day', 'hour'])])
        .authorization((allow) => [
            allow.owner(),
            allow.ownersDefinedIn('guests').to(['get', 'listen']),
            allow.groupDefinedIn('team').to(['list']),
            allow.group('Admin').to(['listen', 'delete']),
            allow.publicApiKey().to(['listen']),
        ]),
    Reminder: a
        .model({ eventId: a.id(), event: a.belongsTo('Event', 'eventId'), minutes: a.integer(), how: a.enum(['MAIL', 'SMS']) })
        .authorization((allow) => [allow.owner().to(['create', 'get', 'delete']), allow.authenticated().to(['listen']), allow.groups(['Red']).to(['list'])]),
    Holiday: a
        .model({ country: a.string().required(), day: a.date().required(), name: a.string(), links: a.url().array(), phone: a.phone() })
        .identifier(['country', 'day'])
        .authorization((allow) => [allow.publicApiKey().to(['read']), allow.group('Admin').to(['create', 'update']), allow.group('Blue').to(['delete'])]),
});
