// modes: userPool,apiKey,oidc
import { a } from '@aws-amplify/data-schema';

// Papers that are shared: who may see and who may change them is written in them, in several ways.
export const schema = a.schema({
    Folder: a
        .model({
            name: a.string(),
            owners: a.string().array(),
            viewers: a.string().array(),
            viewGroups: a.string().array(),
            papers: a.hasMany('Paper', 'folderId'),
            parentId: a.id(),
            parent: a.belongsTo('Folder', 'parentId'),
            children: a.hasMany('Folder', 'parentId'),
        })
        .authorization((allow) => [
            allow.ownersDefinedIn('owners'),
            allow.ownersDefinedIn('viewers').to(['read']),
            allow.groupsDefinedIn('viewGroups').to(['read']),
            allow.groupsDefinedIn('viewGroups', 'oidc').to(['read', 'update']),
        ]),
    Paper: a
        .model({
            folderId: a.id(),
            folder: a.belongsTo('Folder', 'folderId'),
            title: a.string(),
            editors: a.string().array(),
            mails: a.string().array(),
            draft: a.string().authorization((allow) => [allow.owner(), allow.ownersDefinedIn('editors').to(['read', 'update'])]),
            versions: a.hasMany('Version', 'paperId'),
        })
        .authorization((allow) => [
            allow.owner(),
            allow.ownersDefinedIn('editors').to(['read', 'update']),
            allow.ownersDefinedIn('mails').identityClaim('email').to(['read']),
        ]),
    Version: a
        .model({
            paperId: a.id().required(),
            number: a.integer().required(),
            paper: a.belongsTo('Paper', 'paperId'),
            author: a.string(),
            body: a.string(),
            team: a.string(),
        })
        .identifier(['paperId', 'number'])
        .authorization((allow) => [allow.ownerDefinedIn('author').identityClaim('sub::email').to(['create', 'read']), allow.groupDefinedIn('team').to(['read'])]),
});
