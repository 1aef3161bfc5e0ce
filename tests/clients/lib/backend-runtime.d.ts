// What functions of the examples use of @aws-amplify/backend/function/runtime.
import type { Amplify } from 'aws-amplify';

type Configuration = Parameters<typeof Amplify.configure>;

export function getAmplifyDataClientConfig(env: object): Promise<{
  resourceConfig: Exclude<Configuration[0], string>;
  libraryOptions: Configuration[1];
}>;
