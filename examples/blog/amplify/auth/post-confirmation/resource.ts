import { defineFunction } from '@aws-amplify/backend';

export const postConfirmation = defineFunction({
  name: 'post-confirmation',
  resourceGroupName: 'auth',
  timeoutSeconds: 15,
  environment: { EDITORS_GROUP: 'EDITORS', EDITORS_DOMAIN: 'workshop.example' },
});
