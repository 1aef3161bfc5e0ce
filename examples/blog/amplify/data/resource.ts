import { type ClientSchema, a, defineData } from '@aws-amplify/backend';
import { postConfirmation } from '../auth/post-confirmation/resource';
import { digest } from '../functions/digest/resource';
import { processOrder } from '../functions/process-order/resource';
import { thumbnail } from '../storage/thumbnail/resource';

const schema = a
  .schema({
    User: a
      .model({
        name: a.string().required(),
        bio: a.string(),
        profilePicturePath: a.string(),
        owner: a.string(),
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
      .authorization((allow) => [allow.publicApiKey().to(['read']), allow.owner(), allow.group('EDITORS').to(['read', 'delete'])]),

    Comment: a
      .model({
        content: a.string().required(),
        postId: a.id().required(),
        post: a.belongsTo('Post', 'postId'),
      })
      .authorization((allow) => [allow.publicApiKey().to(['read']), allow.owner(), allow.group('EDITORS').to(['read', 'delete'])]),

    Thumbnail: a
      .model({
        path: a.string().required(),
        bytes: a.integer(),
        width: a.integer(),
        height: a.integer(),
        thumbnailWidth: a.integer(),
        thumbnailHeight: a.integer(),
      })
      .identifier(['path'])
      .authorization((allow) => [allow.publicApiKey().to(['read'])]),

    OrderItem: a.customType({
      name: a.string().required(),
      price: a.float().required(),
      quantity: a.integer().required(),
    }),

    Receipt: a.customType({
      orderId: a.id().required(),
      total: a.float().required(),
      currency: a.string().required(),
    }),

    processOrder: a
      .mutation()
      .arguments({ orderId: a.id().required(), items: a.ref('OrderItem').required().array().required() })
      .returns(a.ref('Receipt').required())
      .handler(a.handler.function(processOrder))
      .authorization((allow) => [allow.authenticated()]),
  })
  .authorization((allow) => [
    allow.resource(postConfirmation).to(['mutate']),
    allow.resource(thumbnail).to(['query', 'mutate']),
    allow.resource(digest).to(['query', 'mutate']),
  ]);

export type Schema = ClientSchema<typeof schema>;

export const data = defineData({
  schema,
  authorizationModes: {
    defaultAuthorizationMode: 'userPool',
    apiKeyAuthorizationMode: { expiresInDays: 30 },
  },
});
