// modes: userPool,apiKey | userPool,apiKey,oidc
import { a } from '@aws-amplify/data-schema';

// Employees: rules of most fields, also of required ones, of references and of relations.
export const schema = a.schema({
    Department: a
        .model({
            name: a.string().required(),
            budget: a.float().authorization((allow) => [allow.groups(['Admin', 'Blue'])]),
            staff: a.hasMany('Employee', 'departmentId').authorization((allow) => [allow.groups(['Admin', 'Blue']).to(['read']), allow.owner().to(['read'])]),
        })
        .authorization((allow) => [allow.authenticated().to(['read']), allow.groups(['Admin', 'Blue']), allow.owner()]),
    Employee: a
        .model({
            name: a.string().required(),
            departmentId: a.id().authorization((allow) => [allow.group('Admin'), allow.authenticated().to(['read'])]),
            department: a.belongsTo('Department', 'departmentId').authorization((allow) => [allow.authenticated().to(['read'])]),
            salary: a.float().authorization((allow) => [allow.group('Admin'), allow.owner().to(['read'])]),
            grade: a.string().required().authorization((allow) => [allow.group('Admin'), allow.authenticated().to(['read']), allow.owner().to(['create', 'read'])]),
            reviews: a.string().array().authorization((allow) => [allow.group('Admin').to(['read', 'create', 'update']), allow.ownersDefinedIn('managers').to(['read'])]),
            managers: a.string().array().authorization((allow) => [allow.group('Admin'), allow.ownersDefinedIn('managers').to(['read'])]),
            owner: a.string().authorization((allow) => [allow.group('Admin'), allow.owner().to(['read', 'delete'])]),
            leaves: a.hasMany('Leave', 'employeeId'),
        })
        .authorization((allow) => [allow.group('Admin'), allow.owner(), allow.ownersDefinedIn('managers').to(['read', 'update']), allow.authenticated().to(['read'])]),
    Leave: a
        .model({
            employeeId: a.id(),
            employee: a.belongsTo('Employee', 'employeeId'),
            from: a.date(),
            days: a.integer().validate((v) => v.gt(0).lte(3)),
            approved: a.boolean().authorization((allow) => [allow.group('Admin'), allow.owner().to(['read', 'delete'])]),
        })
        .authorization((allow) => [allow.owner(), allow.group('Admin').to(['read', 'update'])]),
});
