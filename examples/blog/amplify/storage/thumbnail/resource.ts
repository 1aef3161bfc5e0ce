import { defineFunction } from '@aws-amplify/backend';

export const thumbnail = defineFunction({
  name: 'thumbnail',
  resourceGroupName: 'storage',
  timeoutSeconds: 15,
});
