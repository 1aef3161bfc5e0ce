// Statements that backend code adds to roles: tokens, what is left out, and what must not be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statementOf } from '../../js/define/standin/iam.mjs';
import { AUTH, IDS, makeRoles, plain, role } from './support.mjs';

const statement = (more) => ({ effect: 'Allow', actions: ['s3:GetObject'], resources: ['*'], conditions: null, ...more });
const added = (statements, to = 'authenticated') =>
  makeRoles({ auth: { ...AUTH, groups: [{ name: 'a.b', precedence: 0 }], policies: [{ role: to, statements }] }, functions: { 'my fn@data': {} } });

test('statements reach the roles they were added to, and no others', () => {
  for (const [to, name] of [['authenticated', 'authRole'], ['unauthenticated', 'unauthRole'], ['group:a.b', 'a.bGroupRole']]) {
    const { roles, warnings } = added([statement({}), statement({ effect: 'Deny', actions: ['sqs:*'] })], to);
    assert.deepEqual(warnings, []);
    for (const [other, list] of Object.entries(roles)) {
      assert.equal(list.length, other === role(name) ? 2 : 0, other);
    }
  }
  const { roles } = makeRoles({ auth: null, functions: { 'my fn@data': { policies: [statement({})] }, other: { policies: [] } } });
  assert.deepEqual(Object.keys(roles), ['amplify-my+fn@data-functionRole', 'amplify-other-functionRole']);
  assert.deepEqual(roles['amplify-my+fn@data-functionRole'].map((one) => plain(one)), [[{ Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['*'] }]]);
});

test('tokens stand for what there is', () => {
  const arn = (service, rest) => `arn:aws:${service}:us-east-1:000000000000:${rest}`;
  const tokens = {
    'auth.userPoolArn': IDS.pool,
    'auth.authenticatedRoleArn': `arn:aws:iam::000000000000:role/${role('authRole')}`,
    'auth.unauthenticatedRoleArn': `arn:aws:iam::000000000000:role/${role('unauthRole')}`,
    'auth.group.a.b.roleArn': `arn:aws:iam::000000000000:role/${role('a.bGroupRole')}`,
    'data.apiArn': IDS.api,
    'data.table.Todo.arn': arn('dynamodb', 'table/Todo-api123-NONE'),
    'data.table.Todo.streamArn': arn('dynamodb', 'table/Todo-api123-NONE/stream/2026-01-01T00:00:00.000'),
    'storage.My Files.bucketArn': 'arn:aws:s3:::amplify.my files',
    'function.my fn@data.arn': arn('lambda', 'function:my_fn--data'),
    'function.my fn@data.roleArn': 'arn:aws:iam::000000000000:role/amplify-my+fn@data-functionRole',
  };
  const resources = Object.keys(tokens).map((name) => `\${amplify:${name}}/*`);
  resources.push('arn:${amplify:partition}:s3:${amplify:region}:${amplify:account}:${amplify:auth.userPoolId}/${cognito-identity.amazonaws.com:sub}');
  resources.push('arn:aws:s3:::${amplify:storage.x.bucketName}/${amplify:auth.authenticatedRoleName}-${amplify:data.table.A.name}-${amplify:function.f.name}');
  const { roles, warnings } = added([statement({ resources, conditions: { StringEquals: { 'aws:PrincipalArn': ['${amplify:auth.authenticatedRoleArn}'] } } })]);
  assert.deepEqual(warnings, []);
  assert.deepEqual(plain(roles[role('authRole')][0]), [{
    Effect: 'Allow', Action: ['s3:GetObject'],
    Resource: [
      ...Object.values(tokens).map((text) => `${text}/*`),
      'arn:aws:s3:us-east-1:000000000000:us-east-1_Pool/${cognito-identity.amazonaws.com:sub}',
      `arn:aws:s3:::amplify.x/${role('authRole')}-A-api123-NONE-f`,
    ],
    Condition: { StringEquals: { 'aws:PrincipalArn': [`arn:aws:iam::000000000000:role/${role('authRole')}`] } },
  }]);
});

test('an Allow that says what is not known here is left out, and said', () => {
  const unclear = [
    statement({ resources: ['${amplify:ref:new aws-cdk-lib/aws-sqs.Queue#1.queueArn}'] }),
    statement({ resources: [{ $ref: 'x' }] }),
    statement({ resources: ['${amplify:secret:X}'] }),
    statement({ resources: ['${amplify:storage.x.bucketArn'] }),
    statement({ actions: ['${amplify:nothing}:x'] }),
    statement({ actions: [] }),
    statement({ resources: [] }),
    statement({ conditions: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }),
    statement({ conditions: { StringEquals: { k: '${amplify:ref:x}' } } }),
  ];
  for (const one of unclear) {
    const { roles, warnings } = added([one, statement({})]);
    assert.equal(roles[role('authRole')].length, 1, JSON.stringify(one));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /^a statement added to the role amplify-amplifyAuth-authRole was left out: ./);
  }
});

test('what a statement is not about', () => {
  const made = { $new: 'aws-cdk-lib/aws-iam.PolicyStatement', args: [{ notActions: 'iam:*', resources: ['*'] }] };
  const recorded = { effect: 'Allow', actions: [], resources: ['*'], conditions: null, notActions: ['iam:*'] };
  assert.deepEqual(statementOf(made), recorded);
  assert.deepEqual(statementOf({ ...made, ops: [{ path: 'addNotResources', args: ['x', 'y'] }] }), { ...recorded, notResources: ['x', 'y'] });
  const { roles } = added([
    statement({ actions: [], notActions: ['iam:*'], resources: ['*'] }),
    statement({ effect: 'Deny', resources: [], notResources: ['${amplify:storage.x.bucketArn}/*'] }),
  ]);
  assert.deepEqual(roles[role('authRole')].map((document) => document.Statement), [
    [{ Effect: 'Allow', NotAction: ['iam:*'], Resource: ['*'] }],
    [{ Effect: 'Deny', Action: ['s3:GetObject'], NotResource: ['arn:aws:s3:::amplify.x/*'] }],
  ]);
  assert.equal(added([statement({ resources: [], notResources: ['${amplify:ref:x}'] })]).roles[role('authRole')].length, 0);
});

test('a Deny holds, wider rather than narrower, or nothing is served', () => {
  const deny = (more) => statement({ effect: 'Deny', ...more });
  const wide = { Effect: 'Deny', Action: ['s3:GetObject'], Resource: ['*'] };
  for (const one of [
    deny({ resources: ['${amplify:ref:x}'] }),
    deny({ resources: [{ $ref: 'x' }] }),
    deny({ conditions: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }),
    deny({ conditions: { StringEquals: { k: '${amplify:ref:x}' } } }),
  ]) {
    assert.deepEqual(added([one]).roles[role('authRole')].map((document) => plain(document)), [[wide]], JSON.stringify(one));
  }
  const all = { Effect: 'Deny', Action: ['*'], Resource: ['arn:aws:s3:::b/*'] };
  for (const [one, made] of [
    [deny({ actions: ['${amplify:ref:x}'], resources: ['arn:aws:s3:::b/*'] }), all],
    [deny({ actions: [{ $ref: 'x' }, 's3:*'], resources: ['arn:aws:s3:::b/*'] }), all],
    [deny({ actions: [], notActions: ['${amplify:ref:x}'], resources: ['arn:aws:s3:::b/*'] }), all],
    [deny({ resources: [], notResources: ['${amplify:ref:x}'] }), wide],
    [deny({ resources: [], notResources: ['${amplify:ref:x}', 'arn:aws:s3:::b/*'] }), wide],
  ]) {
    const { roles, warnings } = added([one]);
    assert.deepEqual(roles[role('authRole')].map((document) => plain(document)), [[made]], JSON.stringify(one));
    assert.match(warnings[0], /^a Deny statement added to the role amplify-amplifyAuth-authRole denies more than it says: it names something that is not there: (\$\{amplify:ref:)?x/);
  }
  for (const one of [deny({ actions: [] }), deny({ resources: [] })]) {
    assert.match(added([one]).error ?? '', /^a Deny added to the role amplify-amplifyAuth-authRole cannot be honoured: ./, JSON.stringify(one));
  }
});
