// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    Station: a
        .model({
            name: a.string().required(),
            place: a.customType({ lat: a.float().required(), long: a.float().required(), height: a.integer() }),
            readings: a.hasMany('Reading', 'stationId'),
            latest: a.hasOne('Latest', 'stationId'),
        })
        .authorization((allow) => [allow.publicApiKey().to(['read'])]),
    Reading: a
        .model({
            stationId: a.id().required(),
            station: a.belongsTo('Station', 'stationId'),
            at: a.timestamp().required(),
            celsius: a.float(),
            wind: a.customType({ speed: a.float(), from: a.enum(['N', 'E', 'S', 'W']) }),
            raw: a.float().required().array().required(),
        })
        .identifier(['stationId', 'at'])
        .disableOperations(['update', 'onUpdate', 'onDelete'])
        .authorization((allow) => [allow.publicApiKey()]),
    Latest: a
        .model({ stationId: a.id().required(), station: a.belongsTo('Station', 'stationId'), celsius: a.float() })
        .identifier(['stationId'])
        .authorization((allow) => [allow.publicApiKey()]),
    forecast: a
        .query()
        .arguments({ stationId: a.id().required(), hours: a.integer().required() })
        .returns(a.ref('Forecast').required().array().required())
        .handler(a.handler.function('forecast'))
        .authorization((allow) => [allow.publicApiKey()]),
    Forecast: a.customType({ at: a.timestamp().required(), celsius: a.float(), wind: a.ref('Wind') }),
    Wind: a.customType({ speed: a.float().required() }),
});
