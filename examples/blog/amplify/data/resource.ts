import { type ClientSchema, a, defineData } from '@aws-amplify/backend';

const schema = a.schema({
  User: a
    .model({
      name: a.string().required(),
      bio: a.string(),
      profilePicturePath: a.string(),
      posts: a.hasMany('Post', 'authorId'),
    })
    .authorization((allow) => [allow.publicApiKey().to(['read']), allow.owner()]),

  Post: a
    .model({
      title: a.string().required(),
      content: a.string().required(),
      authorId: a.id(),
      author: a.belongsTo('User', 'authorId'),
      comments: a.hasMany('Comment', 'postId'),
    })
    .authorization((allow) => [allow.publicApiKey().to(['read']), allow.owner()]),

  Comment: a
    .model({
      content: a.string().required(),
      postId: a.id().required(),
      post: a.belongsTo('Post', 'postId'),
    })
    .authorization((allow) => [allow.publicApiKey().to(['read']), allow.owner()]),
});

export type Schema = ClientSchema<typeof schema>;

export const data = defineData({
  schema,
  authorizationModes: {
    defaultAuthorizationMode: 'userPool',
    apiKeyAuthorizationMode: { expiresInDays: 30 },
  },
});
