// modes: userPool,apiKey | apiKey,userPool | iam,apiKey,userPool
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    Point: a.customType({ x: a.float().required(), y: a.float().required() }),
    Shape: a.customType({
        points: a.ref('Point').required().array().required(),
        style: a.customType({ width: a.integer(), dash: a.enum(['SOLID', 'DOTTED']) }),
        layer: a.enum(['BACK', 'FRONT']),
        notes: a.string().array(),
    }),
    Unused: a.customType({ v: a.string(), nested: a.customType({ w: a.integer() }) }),
    Drawing: a
        .model({
            shape: a.ref('Shape'),
            shapes: a.ref('Shape').array(),
            inline: a.customType({ q: a.string().required(), deep: a.customType({ z: a.ref('Point') }) }),
            list: a.ref('Unused').array(),
        })
        .authorization((allow) => [allow.publicApiKey()]),
    Sketch: a.model({ at: a.ref('Point') }).authorization((allow) => [allow.authenticated()]),
    Secret: a.model({ at: a.ref('Point').required() }).authorization((allow) => [allow.owner().to(['create'])]),
});
