import { defineBackend } from '@aws-amplify/backend';
import { auth } from './auth/resource';

const backend = defineBackend({ auth });
backend.addOutput({
  custom: {
    authenticator: {
      passwordless: { preferredAuthMethod: 'EMAIL_OTP', passkeyRegistrationPrompts: { afterSignin: 'NEVER', afterSignup: 'ALWAYS' } },
    },
  },
});
