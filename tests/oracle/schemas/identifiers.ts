// modes: apiKey
import { a } from '@aws-amplify/data-schema';

const key = (type) => a.model({ k: type.required(), v: a.string() }).identifier(['k']);
const pair = (type) => a.model({ k: a.id().required(), s: type.required(), v: a.string() }).identifier(['k', 's']);
export const schema = a
    .schema({
        KeyString: key(a.string()),
        KeyInt: key(a.integer()),
        KeyFloat: key(a.float()),
        KeyDate: key(a.date()),
        KeyTime: key(a.time()),
        KeyDatetime: key(a.datetime()),
        KeyTimestamp: key(a.timestamp()),
        KeyEmail: key(a.email()),
        KeyPhone: key(a.phone()),
        KeyUrl: key(a.url()),
        KeyIp: key(a.ipAddress()),
        PairString: pair(a.string()),
        PairInt: pair(a.integer()),
        PairFloat: pair(a.float()),
        PairDate: pair(a.date()),
        PairTime: pair(a.time()),
        PairDatetime: pair(a.datetime()),
        PairTimestamp: pair(a.timestamp()),
        PairEmail: pair(a.email()),
        PairPhone: pair(a.phone()),
        PairUrl: pair(a.url()),
        PairIp: pair(a.ipAddress()),
        Triple: a
            .model({ a: a.id().required(), b: a.integer().required(), c: a.datetime().required() })
            .identifier(['a', 'b', 'c']),
        Quad: a
            .model({ a: a.id().required(), b_c: a.string().required(), d: a.date().required(), E: a.float().required() })
            .identifier(['a', 'b_c', 'd', 'E']),
        DeclaredId: a.model({ id: a.id().required(), v: a.string() }),
        StringId: a.model({ id: a.string().required(), v: a.string() }).identifier(['id']),
        IntId: a.model({ id: a.integer().required(), v: a.string() }).identifier(['id']),
        IdAndSort: a.model({ id: a.id().required(), at: a.datetime().required() }).identifier(['id', 'at']),
        SortById: a.model({ tenant: a.string().required(), id: a.id().required() }).identifier(['tenant', 'id']),
        IdBeside: a.model({ code: a.string().required(), id: a.id() }).identifier(['code']),
        IdRequiredBeside: a.model({ code: a.string().required(), id: a.id().required() }).identifier(['code']),
        MidKey: a.model({ v: a.string(), k: a.id().required(), w: a.integer() }).identifier(['k']),
    })
    .authorization((allow) => [allow.publicApiKey()]);
