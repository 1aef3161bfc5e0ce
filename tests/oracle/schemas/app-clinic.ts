// modes: userPool,apiKey,oidc
import { a } from '@aws-amplify/data-schema';

// Records of patients: each field has readers and writers of its own.
export const schema = a.schema({
    Patient: a
        .model({
            patientSub: a.string().authorization((allow) => [allow.ownerDefinedIn('patientSub').identityClaim('sub').to(['read']), allow.group('Admin'), allow.ownersDefinedIn('doctors').to(['create', 'read'])]),
            doctors: a.string().array(),
            name: a.string(),
            ssn: a.string().authorization((allow) => [allow.ownerDefinedIn('patientSub').identityClaim('sub').to(['read', 'update']), allow.group('Admin').to(['create', 'read', 'delete'])]),
            allergies: a.string().array().authorization((allow) => [allow.ownersDefinedIn('doctors'), allow.ownerDefinedIn('patientSub').identityClaim('sub').to(['read'])]),
            blood: a.string().authorization((allow) => [allow.ownersDefinedIn('doctors').to(['create', 'update'])]),
            insurer: a.string().authorization((allow) => [allow.ownerDefinedIn('insurer', 'oidc').identityClaim('email').to(['read'])]),
            visits: a.hasMany('Visit', 'patientId').authorization((allow) => [allow.ownersDefinedIn('doctors').to(['read']), allow.ownerDefinedIn('patientSub').identityClaim('sub').to(['read'])]),
            file: a.hasOne('File', 'patientId'),
        })
        .authorization((allow) => [
            allow.ownerDefinedIn('patientSub').identityClaim('sub').to(['read', 'update']),
            allow.ownersDefinedIn('doctors'),
            allow.group('Admin').to(['create', 'read', 'delete']),
            allow.ownerDefinedIn('insurer', 'oidc').identityClaim('email').to(['read']),
        ]),
    Visit: a
        .model({
            patientId: a.id().required(),
            day: a.date().required(),
            room: a.integer().required(),
            patient: a.belongsTo('Patient', 'patientId'),
            doctor: a.string(),
            diagnosis: a.string().authorization((allow) => [allow.ownerDefinedIn('doctor')]),
            bill: a.float().authorization((allow) => [allow.group('Admin'), allow.group('Blue').to(['read'])]),
        })
        .identifier(['patientId', 'day', 'room'])
        .secondaryIndexes((index) => [index('doctor').sortKeys(['day', 'room']).queryField('visitsOfDoctor')])
        .authorization((allow) => [allow.ownerDefinedIn('doctor'), allow.group('Admin'), allow.group('Blue').to(['read'])]),
    File: a
        .model({
            patientId: a.id(),
            patient: a.belongsTo('Patient', 'patientId'),
            pages: a.string().array(),
            secret: a.json().authorization((allow) => [allow.owner().to(['read', 'update'])]),
        })
        .authorization((allow) => [allow.owner(), allow.groups(['Admin', 'Blue']).to(['read'])]),
});
