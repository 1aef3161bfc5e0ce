import { defineBackend } from '@aws-amplify/backend';
import { auth } from './auth/resource';

const { auth: pool } = defineBackend({ auth });
// Text messages are no second factor: everybody chooses one of the others after signing up.
pool.resources.cfnResources.cfnUserPool.enabledMfas = ['SOFTWARE_TOKEN_MFA', 'EMAIL_OTP'];
