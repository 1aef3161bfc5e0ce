// Access rules of buckets and of auth as policies, against the official policy factories, and what both decide.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Host } from '../iam/host.mjs';
import { functionRole, officialStorage } from './buckets.mjs';
import { AUTH, IDS, makeRoles, moduleOf, plain, random, requireOf } from './support.mjs';

const supported = Number(process.versions.node.split('.')[0]) >= 20;
const skip = supported ? false : 'the original packages need Node 20';
const host = await Host.start();
after(async () => assert.equal(await host.close(), 0));

const { App, Stack } = requireOf('define')('aws-cdk-lib');
const { UserPool } = requireOf('define')('aws-cdk-lib/aws-cognito');

const GROUPS = ['admins', 'editors'];
const FUNCTIONS = { resize: {}, audit: {} };
const BUCKET = 'amplify.files';
const auth = { ...AUTH, groups: GROUPS.map((name, precedence) => ({ name, precedence })) };

/** The same as the loader writes it. */
function manifestOf(definition) {
  const full = (actions) => [...new Set(actions.flatMap((action) => (action === 'read' ? ['get', 'list'] : [action])))];
  const rules = ({ kind, name, actions }) =>
    [name ?? null].flat().map((one) => ({
      kind, name: kind === 'resource' ? null : one, function: kind === 'resource' ? one : null, actions: full(actions),
    }));
  const access = Object.entries(definition).map(([path, list]) => ({ path, rules: list.flatMap(rules) }));
  return { auth, storage: [{ name: 'Files', isDefault: true, access }], functions: FUNCTIONS };
}

const DEFINITIONS = {
  documentation: {
    'public/*': [{ kind: 'guest', actions: ['read'] }, { kind: 'authenticated', actions: ['read', 'write', 'delete'] }],
    'protected/{entity_id}/*': [{ kind: 'authenticated', actions: ['read'] }, { kind: 'entity', actions: ['read', 'write', 'delete'] }],
    'private/{entity_id}/*': [{ kind: 'entity', actions: ['read', 'write', 'delete'] }],
  },
  nested: {
    'foo/*': [{ kind: 'authenticated', actions: ['read', 'write'] }, { kind: 'guest', actions: ['get'] }],
    'foo/bar/*': [{ kind: 'guest', actions: ['read'] }],
    'foo/baz/*': [{ kind: 'authenticated', actions: ['read'] }],
    'other/*': [{ kind: 'group', name: ['admins', 'editors'], actions: ['list', 'write'] }],
    'other/deep/*': [{ kind: 'group', name: 'admins', actions: ['write'] }, { kind: 'resource', name: 'resize', actions: ['read'] }],
  },
  functions: {
    'in/*': [{ kind: 'resource', name: 'resize', actions: ['read', 'write', 'delete'] }],
    'in/{entity_id}/*': [],
    'log/*': [{ kind: 'resource', name: 'audit', actions: ['write'] }, { kind: 'authenticated', actions: ['get', 'read', 'get'] }],
  },
  apart: {
    'a/*': [{ kind: 'authenticated', actions: ['get'] }],
    'ab/*': [{ kind: 'guest', actions: ['get'] }],
    'a/b/*': [{ kind: 'group', name: 'admins', actions: ['get', 'delete'] }],
  },
};
delete DEFINITIONS.functions['in/{entity_id}/*'];

/** A definition that the official checks of paths let pass. */
function randomDefinition(seed) {
  const { below, pick, some } = random(seed);
  const definition = {};
  const kinds = ['guest', 'authenticated', 'group', 'resource'];
  const rules = (owner) => {
    const chosen = some(owner ? [...kinds, 'entity'] : kinds);
    return chosen.sort(() => below(3) - 1).map((kind) => ({
      kind,
      ...(kind === 'group' && { name: pick([['admins'], ['editors'], GROUPS]) }),
      ...(kind === 'resource' && { name: pick(Object.keys(FUNCTIONS)) }),
      actions: some(pick([['read', 'write', 'delete'], ['get', 'list'], ['write', 'list'], ['delete', 'read']])),
    }));
  };
  for (const top of some(['pics', 'docs', 'picsmall', 'x y'])) {
    const shape = below(4);
    const paths =
      shape === 0 ? [`${top}/{entity_id}/*`]
      : shape === 1 ? [`${top}/*`]
      : shape === 2 ? [`${top}/*`, `${top}/sub/*`, `${top}/other/*`]
      : [`${top}/sub/*`, `${top}/*`];
    for (const path of paths) definition[path] = rules(path.includes('{'));
  }
  return definition;
}

const ME = 'us-east-1:11111111-1111-4111-8111-111111111111';
const HIM = 'us-east-1:22222222-2222-4222-8222-222222222222';

/** Requests around the paths of a definition: [action, resource, facts]. */
function requestsFor(definition) {
  const paths = Object.keys(definition).map((path) => path.slice(0, -1));
  const prefixes = [...paths, ...paths.map((path) => `${path}sub/`), ...paths.map((path) => `${path}other/x/`), 'none/', ''];
  const keys = prefixes.flatMap((prefix) => [ME, HIM].map((who) => prefix.replace('{entity_id}', who)));
  const objects = [...new Set(keys)].flatMap((key) => [`${key}a.png`, `${key}${ME}/a.png`, key]);
  return [
    ...objects.flatMap((key) => ['Get', 'Put', 'Delete'].map((verb) => [`s3:${verb}Object`, `arn:aws:s3:::${BUCKET}/${key}`, []])),
    ...[...new Set(keys)].flatMap((key) => [key, key.slice(0, -1), `${key}a`].map((prefix) =>
      ['s3:ListBucket', `arn:aws:s3:::${BUCKET}`, [['s3:prefix', prefix]]])),
    ['s3:ListBucket', `arn:aws:s3:::${BUCKET}`, []],
    ['s3:GetObject', `arn:aws:s3:::${BUCKET}x/${objects[0]}`, []],
  ];
}

async function decideAlike(definition, ours, official) {
  const answers = { allowed: 0, denied: 0, notAllowed: 0 };
  for (const name of Object.keys(ours)) {
    const principal = { kind: name.includes('unauth') ? 'guest' : name.includes('function') ? 'function' : 'authenticated', identityId: ME };
    const theirs = (official[name] ?? []).map((Statement) => ({ Version: '2012-10-17', Statement }));
    await Promise.all(requestsFor(definition).map(async ([action, resource, facts]) => {
      const ask = (policies) => host.send({ cmd: 'may', principal, policies, action, resource, facts });
      const [mine, his] = await Promise.all([ask(ours[name]), ask(theirs)]);
      assert.equal(mine, his, `${name} ${action} ${resource} ${JSON.stringify(facts)}`);
      answers[mine]++;
    }));
  }
  return answers;
}

async function compare(definition) {
  const official = await officialStorage(definition, BUCKET);
  const ours = makeRoles(manifestOf(definition));
  assert.equal(ours.error, undefined);
  const mine = Object.fromEntries(
    Object.entries(ours.roles).filter(([, list]) => list.length > 0).map(([name, list]) => [name, list.map((one) => plain(one))]));
  assert.deepEqual(mine, official, JSON.stringify(definition, null, 1));
  return decideAlike(definition, ours.roles, official);
}

for (const [name, definition] of Object.entries(DEFINITIONS)) {
  test(`storage: ${name}`, { skip }, () => compare(definition));
}

test('storage: random definitions', { skip }, async () => {
  const sum = { allowed: 0, denied: 0, notAllowed: 0 };
  for (let seed = 1; seed <= 40; seed++) {
    for (const [answer, count] of Object.entries(await compare(randomDefinition(seed * 7919)))) sum[answer] += count;
  }
  assert.ok(sum.allowed > 500 && sum.denied > 100 && sum.notAllowed > 2000, JSON.stringify(sum));
});

test('access to auth', { skip }, async () => {
  const { UserPoolAccessPolicyFactory } = await moduleOf('define', '@aws-amplify/backend-auth/lib/userpool_access_policy_factory.js');
  const stack = new Stack(new App(), 'S');
  const factory = new UserPoolAccessPolicyFactory(new UserPool(stack, 'P'));
  const ACTIONS = [
    'manageUsers', 'manageGroupMembership', 'manageGroups', 'manageUserDevices', 'managePasswordRecovery', 'manageProviderForUser',
    'addUserToGroup', 'createGroup', 'createUser', 'deleteGroup', 'deleteUser', 'deleteUserAttributes', 'disableUser', 'enableUser',
    'forgetDevice', 'getDevice', 'getGroup', 'getUser', 'listUsers', 'listUsersInGroup', 'listDevices', 'listGroups',
    'listGroupsForUser', 'removeUserFromGroup', 'resetUserPassword', 'setUserMfaPreference', 'setUserPassword', 'setUserSettings',
    'updateDeviceStatus', 'updateGroup', 'updateUserAttributes',
  ];
  for (const actions of [...ACTIONS.map((action) => [action]), ACTIONS, ['getUser', 'manageUsers', 'getUser']]) {
    const official = plain(stack.resolve(factory.createPolicy(actions).document), { '.*Arn': IDS.pool });
    const { roles } = makeRoles({ auth: { ...AUTH, access: [{ function: 'resize', actions }] }, functions: FUNCTIONS });
    assert.deepEqual(roles[functionRole('resize')].map((one) => plain(one)), [official]);
    assert.deepEqual(roles[functionRole('audit')], []);
  }
});
