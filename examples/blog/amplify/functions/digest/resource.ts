import { defineFunction } from '@aws-amplify/backend';

export const digest = defineFunction({
  name: 'digest',
  entry: './handler.ts',
  timeoutSeconds: 30,
  schedule: { cron: '0 8 ? * 2', timezone: 'Europe/Berlin', description: 'Mondays at eight' },
});
