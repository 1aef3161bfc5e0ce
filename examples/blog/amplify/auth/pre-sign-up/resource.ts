import { defineFunction } from '@aws-amplify/backend';

export const preSignUp = defineFunction({
  name: 'pre-sign-up',
  resourceGroupName: 'auth',
  environment: { REFUSED_DOMAINS: 'trashmail.example tenminutes.example' },
});
