import { env } from '$amplify/env/pre-sign-up';
import type { PreSignUpTriggerHandler } from 'aws-lambda';

/** Members stay reachable: addresses that are made to be thrown away are refused. */
export const handler: PreSignUpTriggerHandler = async (event) => {
  const domain = event.request.userAttributes.email?.split('@').pop()?.toLowerCase();
  if (domain && env.REFUSED_DOMAINS.split(' ').includes(domain)) {
    throw new Error(`Addresses at ${domain} are not accepted. Please use one that you keep.`);
  }
  return event;
};
