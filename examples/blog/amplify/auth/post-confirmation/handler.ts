import { env } from '$amplify/env/post-confirmation';
import { getAmplifyDataClientConfig } from '@aws-amplify/backend/function/runtime';
import { AdminAddUserToGroupCommand, CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import { generateClient } from 'aws-amplify/data';
import type { PostConfirmationTriggerHandler } from 'aws-lambda';
import type { Schema } from '../../data/resource';

const { resourceConfig, libraryOptions } = await getAmplifyDataClientConfig(env);
Amplify.configure(resourceConfig, libraryOptions);
const client = generateClient<Schema>();
const cognito = new CognitoIdentityProviderClient();

/** Gives a new member a profile of their own; who has an address of the workshop's becomes an editor. */
export const handler: PostConfirmationTriggerHandler = async (event) => {
  const { triggerSource, userName, userPoolId, request } = event;
  if (triggerSource !== 'PostConfirmation_ConfirmSignUp') return event;
  const { sub, email, preferred_username: name } = request.userAttributes;
  const { errors } = await client.models.User.create({ name: name || 'A member', owner: `${sub}::${userName}` });
  if (errors) throw new Error(errors.map(({ message }) => message).join(' '));
  if (email?.toLowerCase().endsWith(`@${env.EDITORS_DOMAIN}`)) {
    await cognito.send(
      new AdminAddUserToGroupCommand({ UserPoolId: userPoolId, Username: userName, GroupName: env.EDITORS_GROUP }),
    );
  }
  return event;
};
