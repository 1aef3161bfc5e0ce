// modes: userPool,apiKey,oidc | apiKey,userPool,oidc
import { a } from '@aws-amplify/data-schema';

// Many tenants: what a workspace holds is its group's, some of it only its admins'.
export const schema = a
    .schema({
        Workspace: a
            .model({
                slug: a.string().required(),
                title: a.string(),
                team: a.string(),
                teams: a.string().array(),
                billingEmail: a.email().authorization((allow) => [allow.group('Admin'), allow.groupDefinedIn('team').to(['read'])]),
                seats: a.integer().authorization((allow) => [allow.group('Admin').to(['create', 'read', 'update', 'delete']), allow.groupsDefinedIn('teams').to(['read', 'update'])]),
                projects: a.hasMany('Project', 'workspaceSlug'),
                invitations: a.hasMany('Invitation', 'workspaceSlug').authorization((allow) => [allow.groupDefinedIn('team').to(['read'])]),
            })
            .identifier(['slug'])
            .authorization((allow) => [allow.group('Admin'), allow.groupDefinedIn('team').to(['read', 'update']), allow.groupsDefinedIn('teams').to(['read'])]),
        Project: a
            .model({
                workspaceSlug: a.string().required(),
                number: a.string().required(),
                workspace: a.belongsTo('Workspace', 'workspaceSlug'),
                team: a.string(),
                state: a.enum(['OPEN', 'CLOSED']),
                lead: a.string(),
                tasks: a.hasMany('Task', ['projectSlug', 'projectNumber']),
            })
            .identifier(['workspaceSlug', 'number'])
            .secondaryIndexes((index) => [index('team').sortKeys(['number']), index('lead').queryField('projectsOfLead')])
            .authorization((allow) => [allow.groupDefinedIn('team'), allow.ownerDefinedIn('lead').to(['read', 'update'])]),
        Task: a
            .model({
                projectSlug: a.string(),
                projectNumber: a.string(),
                project: a.belongsTo('Project', ['projectSlug', 'projectNumber']),
                text: a.string(),
                assignees: a.string().array(),
                estimate: a.float().authorization((allow) => [allow.ownersDefinedIn('assignees').to(['read', 'update']), allow.group('Red')]),
            })
            .authorization((allow) => [allow.ownersDefinedIn('assignees').to(['read', 'update']), allow.group('Red'), allow.owner('oidc').to(['create', 'read'])]),
        Invitation: a
            .model({
                workspaceSlug: a.string(),
                workspace: a.belongsTo('Workspace', 'workspaceSlug'),
                email: a.email(),
                accepted: a.boolean(),
            })
            .authorization((allow) => [allow.ownerDefinedIn('email').identityClaim('email').to(['read', 'update']), allow.group('Admin')]),
        Note: a.model({ text: a.string(), pinned: a.boolean() }),
        Announcement: a.model({ text: a.string() }).authorization((allow) => [allow.publicApiKey().to(['get', 'list']), allow.group('Admin').to(['create', 'listen'])]),
    })
    .authorization((allow) => [allow.owner(), allow.group('Admin').to(['read', 'delete'])]);
