import { defineAuth } from '@aws-amplify/backend';

export const auth = defineAuth({
  loginWith: { phone: true },
  userAttributes: { email: { required: false }, preferredUsername: { required: false } },
  multifactor: { mode: 'REQUIRED', sms: true, totp: true, email: true },
  senders: { email: { fromEmail: 'pool@example.com' } },
});
