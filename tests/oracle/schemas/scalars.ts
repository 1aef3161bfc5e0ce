// modes: apiKey
import { a } from '@aws-amplify/data-schema';

const fields = (wrap) => ({
    id1: wrap(a.id()),
    str: wrap(a.string()),
    int: wrap(a.integer()),
    flt: wrap(a.float()),
    bool: wrap(a.boolean()),
    date: wrap(a.date()),
    time: wrap(a.time()),
    dt: wrap(a.datetime()),
    ts: wrap(a.timestamp()),
    mail: wrap(a.email()),
    json: wrap(a.json()),
    phone: wrap(a.phone()),
    url: wrap(a.url()),
    ip: wrap(a.ipAddress()),
});
export const schema = a
    .schema({
        Plain: a.model(fields((f) => f)),
        Required: a.model(fields((f) => f.required())),
        List: a.model(fields((f) => f.array())),
        ListOfRequired: a.model(fields((f) => f.required().array())),
        RequiredList: a.model(fields((f) => f.array().required())),
        RequiredListOfRequired: a.model(fields((f) => f.required().array().required())),
        Custom: a.customType(fields((f) => f.required().array())),
        Holder: a.model({ one: a.ref('Custom'), many: a.ref('Custom').array().required() }),
    })
    .authorization((allow) => allow.publicApiKey());
