// What becomes of overrides and of the CDK.
import assert from 'node:assert/strict';
import test from 'node:test';
import { fixture, load, projectOf } from './support.mjs';

test('cdk: well-known overrides land in the sections they concern', async (t) => {
  const { manifest } = await load(fixture(t, 'cdk'));
  const { auth, data, storage, functions } = manifest;
  assert.deepEqual(auth.passwordPolicy, {
    minLength: 12,
    requireLowercase: false,
    requireUppercase: false,
    requireDigits: true,
    requireSymbols: true,
    temporaryPasswordValidityDays: 3,
  });
  assert.deepEqual([auth.usernameAttributes, auth.selfSignUp, auth.guestAccess], [[], false, false]);
  assert.deepEqual(auth.client, {
    explicitAuthFlows: [
      'ALLOW_CUSTOM_AUTH',
      'ALLOW_USER_SRP_AUTH',
      'ALLOW_REFRESH_TOKEN_AUTH',
      'ALLOW_USER_PASSWORD_AUTH',
    ],
    preventUserExistenceErrors: 'ENABLED',
    accessTokenValidity: 15,
    tokenValidityUnits: { accessToken: 'minutes' },
  });
  assert.deepEqual(auth.triggers, { postConfirmation: 'greeter' });
  assert.deepEqual(auth.policies, [
    {
      role: 'authenticated',
      statements: [{ effect: 'Allow', actions: ['execute-api:Invoke'], resources: ['*'], conditions: null }],
    },
    {
      role: 'group:admins',
      statements: [
        { effect: 'Allow', actions: ['s3:*'], resources: ['${amplify:storage.files.bucketArn}/*'], conditions: null },
      ],
    },
  ]);
  assert.deepEqual(data.tables, {
    Todo: { pointInTimeRecoveryEnabled: true, timeToLiveAttribute: { attributeName: 'ttl', enabled: true } },
    Tag: { pointInTimeRecoveryEnabled: true },
  });
  assert.deepEqual(data.api, { environmentVariables: { STAGE: 'dev' } });
  assert.deepEqual(
    data.dataSources.map(({ name, kind }) => `${name}:${kind}`),
    ['Weather:http', 'Todos:dynamodb'],
  );
  const [cors, added] = storage[0].cors; // behind the rule of Amplify's construct
  assert.deepEqual([storage[0].versioned, cors.allowedOrigins, added], [true, ['*'], { allowedMethods: [], allowedOrigins: ['*'] }]);
  assert.equal(functions.greeter.timeoutSeconds, 20);
  assert.deepEqual(functions.greeter.environment, {
    TABLE: '${amplify:data.table.Todo.name}',
    WHERE: 'in ${amplify:region}',
  });
  assert.deepEqual(functions.greeter.policies, [
    {
      effect: 'Allow',
      actions: ['dynamodb:Query', 'dynamodb:GetItem'],
      resources: ['${amplify:data.table.Todo.arn}'],
      conditions: null,
    },
  ]);
  assert.deepEqual(functions.greeter.url, { authType: 'NONE', cors: null, invokeMode: 'BUFFERED' });
  assert.deepEqual(functions.greeter.eventSources, [
    {
      type: 'DynamoEventSource',
      source: { $ref: 'data.resources.tables.Todo' },
      options: { startingPosition: { $const: 'aws-cdk-lib/aws-lambda.StartingPosition.LATEST' }, batchSize: 10 },
    },
  ]);
});

test('cdk: constructs, stacks and outputs are recorded with references that lead somewhere', async (t) => {
  const { manifest } = await load(fixture(t, 'cdk'));
  const { constructs, outputs, stacks } = manifest;
  const byType = (type) => constructs.find((item) => item.type.endsWith(type));
  const api = byType('.RestApi');
  assert.deepEqual(
    [api.scope, api.id, api.handling, api.file, api.line],
    ['stack:api-stack', 'Api', 'kept', 'amplify/backend.ts', 62],
  );
  assert.deepEqual(
    api.ops.map(({ path, args: [first] }) => [path.replace(/#\d+/g, '#'), first]),
    [
      ['root.addResource', 'items'],
      ['root.addResource()#.addMethod', 'GET'],
    ],
  );
  assert.equal(api.ops[1].path, `${api.ops[0].result}.addMethod`);
  assert.equal(api.ops[1].args[2].authorizer.$ref, byType('.CognitoUserPoolsAuthorizer').ref);
  assert.deepEqual(api.ops[1].args[1].args, [{ $ref: 'function.greeter.resources.lambda' }]);
  const queue = byType('.Queue');
  assert.deepEqual(
    [queue.scope, queue.handling, queue.args[0].visibilityTimeout],
    [byType('.Construct').ref, 'unsupported', { $seconds: 300 }],
  );
  assert.deepEqual([byType('.Construct').class, byType('.CfnOutput').handling], ['Jobs', 'ignored']);
  assert.deepEqual(
    stacks.filter(({ custom }) => custom).map(({ name }) => name),
    ['api-stack', 'jobs'],
  );
  const name = `\${amplify:ref:${api.ref}.restApiName}`;
  assert.deepEqual(outputs, [
    {
      custom: {
        API: { [name]: { endpoint: `\${amplify:ref:${api.ref}.url}`, region: '${amplify:region}', apiName: name } },
        greeterUrl: '${amplify:function.greeter.url}',
        jobs: `jobs:\${amplify:ref:${queue.ref}.queueUrl}`,
        pool: '${amplify:auth.userPoolId}',
      },
      version: '1.4',
    },
    { storage: { buckets: [{ name: 'x', bucket_name: 'y', aws_region: '${amplify:region}' }] }, version: '1.4' },
  ]);
});

test('cdk: the raw record says what became of each override; what has no effect is warned about by line', async (t) => {
  const { manifest, event } = await load(fixture(t, 'cdk'));
  const effects = Object.fromEntries(
    manifest.overrides.map(({ path, effect }) => [path.split('.').slice(-2).join('.'), effect]),
  );
  assert.equal(effects['cfnUserPool.policies'], 'applied');
  assert.equal(effects['Todo.billingMode'], 'ignored');
  assert.equal(effects['cfnUserPool.somethingNew'], 'unsupported');
  assert.deepEqual(
    event.warnings.map(({ file, line, message }) => [file, line, message.slice(0, 30)]),
    [
      ['amplify/backend.ts', 93, 'Setting auth.resources.cfnResou'.slice(0, 30)],
      ['amplify/backend.ts', 76, 'aws-cdk-lib/aws-sqs.Queue'.concat(" ('Queue')").slice(0, 30)],
    ],
  );
  assert.ok(event.warnings.every(({ hint }) => hint.length > 10));
});

test('recorder: awaiting, spreading, numbers, JSON, printing, context', async (t) => {
  const root = projectOf(t, {
    'amplify/backend.ts': `
import { defineBackend, defineData, defineAuth, secret } from '@aws-amplify/backend';
import cdk, { Aws, Fn } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import { inspect } from 'node:util';
const backend = defineBackend({
  auth: defineAuth({ loginWith: { email: true }, groups: ['a', 'b'] }),
  data: defineData({ schema: 'type One @model @auth(rules: [{allow: owner}]) { id: ID! }\\n\\ntype Two\\n  @model\\n  @auth(rules: [{allow: owner}]) { id: ID! }' }),
});
const stack = backend.createStack('s');
const table = new dynamodb.Table(stack, 'T', { partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING } });
const awaited = await table;
const facts = {
  awaited: awaited === table,
  keys: Object.keys(backend.data.resources.tables),
  groups: Object.keys(backend.auth.resources.groups),
  cfnTables: Object.keys(backend.data.resources.cfnResources.cfnTables),
  nan: Number.isNaN(Number(table.something)),
  text: typeof table.tableName,
  json: JSON.parse(JSON.stringify({ table: backend.data.resources.tables.One.tableName })).table,
  inspected: inspect(table),
  type: stack.node.tryGetContext('amplify-backend-type'),
  name: stack.node.tryGetContext('amplify-backend-name'),
  namespace: stack.node.tryGetContext('amplify-backend-namespace'),
  unknown: stack.node.tryGetContext('other') ?? 'none',
  joined: Fn.join('-', ['x', Aws.REGION]),
  sub: Fn.sub('arn:\${AWS::Partition}:\${AWS::AccountId}:\${Name}', { Name: 'n' }),
  instance: table instanceof dynamodb.Table && !(table instanceof dynamodb.TableV2),
  sameModule: cdk.aws_dynamodb.Table === dynamodb.Table,
  nodeId: table.node.id,
  attr: backend.auth.resources.cfnResources.cfnUserPool.attrArn,
  hidden: secret('S').resolve(stack, {}).unsafeUnwrap(),
};
backend.addOutput({ custom: { facts } });
for (const child of stack.node.children) { throw new Error('no children are known'); }
`,
  });
  const { manifest, event } = await load(root, { args: ['--identifier', 'mine'] });
  assert.deepEqual(manifest.outputs[0].custom.facts, {
    awaited: true,
    keys: ['One', 'Two'],
    groups: ['a', 'b'],
    cfnTables: [],
    nan: true,
    text: 'string',
    json: '${amplify:data.table.One.name}',
    inspected: '[recorded new aws-cdk-lib/aws-dynamodb.Table#1]',
    type: 'sandbox',
    name: 'mine',
    namespace: 'made',
    unknown: 'none',
    joined: 'x-${amplify:region}',
    sub: 'arn:${amplify:partition}:${amplify:account}:n',
    instance: true,
    sameModule: true,
    nodeId: 'T',
    attr: '${amplify:auth.userPoolArn}',
    hidden: '${amplify:secret:S}',
  });
  assert.match(event.warnings.find(({ message }) => message.includes('children')).message, /node\.children is empty/);
  assert.deepEqual(manifest.secrets, ['S']);
});
