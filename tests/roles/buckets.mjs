// The policies that the official construct makes of a bucket's access rules.
import { moduleOf, plain, requireOf, role } from './support.mjs';

const { App, Stack } = requireOf('define')('aws-cdk-lib');
const { Bucket } = requireOf('define')('aws-cdk-lib/aws-s3');

/** Acceptors by role, which keep the policies they are given as plain statements. */
function acceptors(stack, names) {
  const kept = {};
  const acceptor = (name) => ({
    identifier: name,
    acceptResourceAccess: (policy) => {
      (kept[name] ??= []).push(plain(stack.resolve(policy.document), names));
    },
  });
  return { kept, acceptor };
}

const OURS = (groups) => ({
  authenticatedUserIamRole: role('authRole'),
  unauthenticatedUserIamRole: role('unauthRole'),
  ...Object.fromEntries(groups.map((name) => [name, role(`${name}GroupRole`)])),
});
export const functionRole = (name) => `amplify-${name}-functionRole`;

/** Policies by our name of the role, as the official orchestrator makes them of {path: [rule]}. */
export async function officialStorage(definition, bucket, groups = ['admins', 'editors']) {
  const { StorageAccessOrchestrator } = await moduleOf('define', '@aws-amplify/backend-storage/lib/storage_access_orchestrator.js');
  const { StorageAccessPolicyFactory } = await moduleOf('define', '@aws-amplify/backend-storage/lib/storage_access_policy_factory.js');
  const stack = new Stack(new App(), 'S');
  const { kept, acceptor } = acceptors(stack, { '.*Arn': `arn:aws:s3:::${bucket}` });
  const props = {
    constructContainer: {
      getConstructFactory: () => ({ getInstance: () => ({ getResourceAccessAcceptor: (name) => acceptor(OURS(groups)[name]) }) }),
    },
  };
  const fn = (name) => ({ getInstance: () => ({ getResourceAccessAcceptor: () => acceptor(functionRole(name)) }) });
  const built = (allow, { kind, name, actions }) =>
    ({
      guest: () => allow.guest,
      authenticated: () => allow.authenticated,
      group: () => allow.groups([name].flat()),
      entity: () => allow.entity('identity'),
      resource: () => allow.resource(fn(name)),
    })[kind]().to(actions);
  const access = (allow) =>
    Object.fromEntries(Object.entries(definition).map(([path, rules]) => [path, rules.map((rule) => built(allow, rule))]));
  new StorageAccessOrchestrator(access, props, [], new StorageAccessPolicyFactory(new Bucket(stack, 'B'))).orchestrateStorageAccess();
  return kept;
}

