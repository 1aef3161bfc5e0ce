// modes: userPool,apiKey,oidc,lambda | apiKey,userPool,oidc,lambda | lambda,userPool,oidc,apiKey
import { a } from '@aws-amplify/data-schema';

// Operations with functions behind them, for callers of every kind, that give models with rules of their own and custom types.
export const schema = a.schema({
    Grade: a.enum(['LOW', 'HIGH']),
    Stamp: a.customType({ by: a.string(), grade: a.ref('Grade'), marks: a.integer().required().array() }),
    Paper: a.customType({ title: a.string().required(), stamps: a.ref('Stamp').array(), inner: a.customType({ note: a.string(), stamp: a.ref('Stamp') }) }),
    Case: a
        .model({
            title: a.string().required(),
            grade: a.ref('Grade'),
            secret: a.string().authorization((allow) => [allow.group('Admin'), allow.owner().to(['read', 'update'])]),
            clerk: a.string(),
            stamp: a.ref('Stamp'),
            notes: a.hasMany('CaseNote', 'caseId'),
        })
        .authorization((allow) => [allow.owner(), allow.ownerDefinedIn('clerk').to(['read', 'update']), allow.group('Admin'), allow.publicApiKey().to(['get'])]),
    CaseNote: a
        .model({ caseId: a.id(), case: a.belongsTo('Case', 'caseId'), text: a.string(), team: a.string() })
        .authorization((allow) => [allow.groupDefinedIn('team'), allow.authenticated('oidc').to(['read']), allow.custom().to(['read', 'create'])]),
    Open: a.model({ text: a.string(), score: a.float() }).authorization((allow) => [allow.publicApiKey(), allow.guest().to(['read'])]),
    findCase: a.query().arguments({ give: a.json() }).returns(a.ref('Case')).handler(a.handler.function('give')).authorization((allow) => [allow.publicApiKey(), allow.authenticated()]),
    findCases: a.query().arguments({ give: a.json() }).returns(a.ref('Case').array()).handler(a.handler.function('give')).authorization((allow) => [allow.groups(['Red', 'Admin']), allow.guest()]),
    findNotes: a.query().arguments({ give: a.json() }).returns(a.ref('CaseNote').array()).handler(a.handler.function('give')).authorization((allow) => [allow.authenticated('oidc'), allow.authenticated(), allow.custom()]),
    findOpen: a.query().arguments({ give: a.json() }).returns(a.ref('Open')).handler(a.handler.function('give')).authorization((allow) => [allow.authenticated('identityPool'), allow.authenticated()]),
    paper: a.query().arguments({ give: a.json() }).returns(a.ref('Paper')).handler(a.handler.function('give')).authorization((allow) => [allow.group('Red'), allow.publicApiKey()]),
    papers: a.query().arguments({ give: a.json() }).returns(a.ref('Paper').array()).handler(a.handler.function('give')).authorization((allow) => [allow.authenticated('identityPool'), allow.custom()]),
    count: a.query().arguments({ give: a.json() }).returns(a.integer()).handler(a.handler.function('give')).authorization((allow) => [allow.guest(), allow.group('Blue'), allow.group('Red', 'oidc')]),
    own: a.query().arguments({ give: a.json() }).returns(a.customType({ x: a.string(), grade: a.ref('Grade') })).handler(a.handler.function('give')).authorization((allow) => [allow.group('Blue'), allow.authenticated('oidc')]),
    file: a.mutation().arguments({ give: a.json() }).returns(a.ref('Case')).handler(a.handler.function('give')).authorization((allow) => [allow.authenticated(), allow.custom()]),
    stamp: a.mutation().arguments({ give: a.json() }).returns(a.ref('Stamp')).handler(a.handler.function('give')).authorization((allow) => [allow.groups(['Blue', 'Admin']), allow.authenticated('oidc')]),
    note: a.mutation().arguments({ give: a.json() }).returns(a.ref('CaseNote')).handler(a.handler.function('give')).authorization((allow) => [allow.publicApiKey(), allow.guest()]),
});
