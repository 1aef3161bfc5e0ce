import { defineAuth, secret } from '@aws-amplify/backend';
import { postConfirmation } from './post-confirmation/resource';
import { preSignUp } from './pre-sign-up/resource';

export const auth = defineAuth({
  loginWith: {
    email: true,
    externalProviders: {
      google: {
        clientId: secret('GOOGLE_CLIENT_ID'),
        clientSecret: secret('GOOGLE_CLIENT_SECRET'),
        scopes: ['email'],
      },
      callbackUrls: ['http://localhost:5173/', 'https://blog.example.com/'],
      logoutUrls: ['http://localhost:5173/', 'https://blog.example.com/'],
    },
  },
  userAttributes: {
    preferredUsername: {
      required: true,
      mutable: true,
    },
  },
  groups: ['EDITORS'],
  triggers: { preSignUp, postConfirmation },
  access: (allow) => [allow.resource(postConfirmation).to(['addUserToGroup'])],
});
