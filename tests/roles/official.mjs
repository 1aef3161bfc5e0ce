// The appsync policies of the AmplifyData construct.
import assert from 'node:assert/strict';
import { officialApi } from '../oracle/lib/official.mjs';
import { plain, requireOf } from './support.mjs';

const { CfnManagedPolicy } = requireOf('oracle')('aws-cdk-lib/aws-iam');
const { Stack } = requireOf('oracle')('aws-cdk-lib');

/** The statements of AuthRolePolicyNN and UnauthRolePolicyNN, document by document. */
export function officialPolicies(sdl, modes) {
  const stack = Stack.of(officialApi(sdl, modes));
  const found = { authRole: [], unauthRole: [] };
  for (const one of stack.node.findAll().filter((node) => node instanceof CfnManagedPolicy)) {
    const [, kind] = /\/(Auth|Unauth)RolePolicy\d+\//.exec(one.node.path) ?? assert.fail(one.node.path);
    const document = Stack.of(one).resolve(one.policyDocument);
    found[kind === 'Auth' ? 'authRole' : 'unauthRole'].push(plain(document, { '.*': 'api123' }));
  }
  return found;
}

/** The parts of a manifest with this API. */
export const manifestOf = (sdl, modes) => ({
  data: { sdl, authorizationModes: { modes: [...new Set([...modes, 'iam'])] }, jsFunctions: [], functionAccess: [] },
});
