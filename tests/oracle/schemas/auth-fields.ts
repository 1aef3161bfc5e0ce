// modes: userPool,apiKey,oidc,lambda | apiKey,userPool,oidc,lambda
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    Employee: a
        .model({
            name: a.string().required(),
            email: a.email(),
            salary: a.float().authorization((x) => [x.owner().to(['read']), x.group('HR')]),
            ssn: a.string().authorization((x) => [x.owner()]),
        })
        .authorization((x) => [x.authenticated().to(['read']), x.owner(), x.group('HR')]),
    OtherProvider: a
        .model({ t: a.string(), u: a.string().authorization((x) => [x.publicApiKey().to(['read'])]) })
        .authorization((x) => [x.authenticated()]),
    OtherOwner: a
        .model({ t: a.string(), u: a.string().authorization((x) => [x.ownerDefinedIn('writer')]) })
        .authorization((x) => [x.owner()]),
    Relation: a
        .model({
            t: a.string(),
            kids: a.hasMany('FieldKid', 'relationId').authorization((x) => [x.owner()]),
            kid: a.hasOne('FieldKid', 'firstId').authorization((x) => [x.publicApiKey()]),
        })
        .authorization((x) => [x.authenticated()]),
    FieldKid: a
        .model({
            relationId: a.id(),
            relation: a.belongsTo('Relation', 'relationId').authorization((x) => [x.custom()]),
            firstId: a.id(),
            first: a.belongsTo('Relation', 'firstId'),
        })
        .authorization((x) => [x.authenticated('oidc')]),
    DynamicGroup: a
        .model({ team: a.string(), t: a.string().authorization((x) => [x.groupDefinedIn('team').to(['read', 'update'])]) })
        .authorization((x) => [x.publicApiKey()]),
});
