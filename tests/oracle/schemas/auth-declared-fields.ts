// modes: userPool,apiKey,oidc
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    OwnerHere: a.model({ owner: a.string(), t: a.string() }).authorization((x) => [x.owner()]),
    OwnerRequired: a.model({ owner: a.string().required(), t: a.string() }).authorization((x) => [x.owner()]),
    Author: a.model({ author: a.string(), t: a.string() }).authorization((x) => [x.ownerDefinedIn('author')]),
    Editors: a
        .model({ editors: a.string().array(), t: a.string() })
        .authorization((x) => [x.ownersDefinedIn('editors'), x.owner()]),
    Team: a.model({ team: a.string(), t: a.string() }).authorization((x) => [x.groupDefinedIn('team')]),
    ManyTeams: a
        .model({ teams: a.string().array(), t: a.string() })
        .authorization((x) => [x.groupsDefinedIn('teams'), x.group('Admin')]),
    Stamps: a
        .model({ createdAt: a.datetime(), updatedAt: a.datetime().required(), owner: a.string().required() })
        .authorization((x) => [x.owner().to(['create', 'update'])]),
    StringStamps: a.model({ createdAt: a.string().required(), updatedAt: a.string() }).authorization((x) => [x.owner()]),
    IntStamps: a
        .model({ createdAt: a.timestamp().required(), updatedAt: a.integer().required() })
        .authorization((x) => [x.owner()]),
    Case: a.model({ Owner: a.string(), t: a.string() }).authorization((x) => [x.owner()]),
    OwnerOfOwner: a
        .model({ boss: a.string(), deputy: a.string() })
        .authorization((x) => [x.ownerDefinedIn('boss'), x.ownerDefinedIn('deputy').to(['read']), x.owner().to(['delete'])]),
    Index: a
        .model({ author: a.string().required(), at: a.datetime() })
        .secondaryIndexes((index) => [index('author').sortKeys(['at'])])
        .authorization((x) => [x.ownerDefinedIn('author')]),
});
