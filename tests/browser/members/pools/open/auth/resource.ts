import { defineAuth } from '@aws-amplify/backend';

export const auth = defineAuth({
  loginWith: { email: { otpLogin: true }, phone: { otpLogin: true }, webAuthn: true },
  userAttributes: { email: { required: true }, phoneNumber: { required: false }, nickname: { required: true } },
});
