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
    ['stack:api-stack', 'Api', 'unsupported', 'amplify/backend.ts', 62],
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
  assert.deepEqual(outputs, [
    {
      custom: {
        API: { items: { endpoint: `\${amplify:ref:${api.ref}.url}`, region: '${amplify:region}', apiName: 'items' } },
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
      ['amplify/backend.ts', 95, 'amplify_outputs.json leaves out what'.slice(0, 30)],
      ['amplify/backend.ts', 93, 'Setting auth.resources.cfnResou'.slice(0, 30)],
      ['amplify/backend.ts', 62, 'aws-cdk-lib/aws-apigateway.RestApi'.slice(0, 30)],
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

const AUTH = `import { defineAuth } from '@aws-amplify/backend';\nexport const auth = defineAuth({ loginWith: { email: true } });\n`;

test('cdk: what is not served is said, with its place and what to do; what it would have given is left out', async (t) => {
  const root = projectOf(t, {
    'amplify/auth/resource.ts': AUTH,
    'amplify/backend.ts': `import { defineBackend, defineFunction } from '@aws-amplify/backend'; import { auth } from './auth/resource';
import { Duration, Stack } from 'aws-cdk-lib';
import { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Table, AttributeType } from 'aws-cdk-lib/aws-dynamodb';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Effect, Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
const served = defineFunction((scope) => new Function(scope, 'served', { runtime: Runtime.PYTHON_3_12, handler: 'index.handler', code: Code.fromInline('') }));
const backend = defineBackend({ auth, served });
const stack = backend.createStack('more');
const rule = new Rule(stack, 'R', { schedule: Schedule.rate(Duration.minutes(1)) });
rule.addTarget(new LambdaFunction(backend.served.resources.lambda));
const own = new NodejsFunction(stack, 'Own', { entry: 'x.ts' });
new Function(stack, 'Own2', { runtime: Runtime.PYTHON_3_12, handler: 'index.handler', code: Code.fromInline('') });
const rest = new RestApi(stack, 'Rest', { restApiName: 'myRestApi' });
const http = new HttpApi(stack, 'Http', { apiName: 'myHttpApi' });
new Table(stack, 'Table', { partitionKey: { name: 'id', type: AttributeType.STRING } });
const queue = new Queue(stack, 'Q');
backend.served.resources.lambda.addEnvironment('FN', own.functionName);
backend.served.resources.lambda.addEnvironment('PARAMETER', StringParameter.valueForStringParameter(stack, '/x'));
backend.auth.resources.authenticatedUserIamRole.attachInlinePolicy(
  new Policy(stack, 'P', { statements: [new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queue.queueArn] })] }));
backend.served.resources.lambda.addToRolePolicy(new PolicyStatement({ effect: Effect.DENY, actions: ['sqs:*'], resources: [queue.queueArn] }));
backend.addOutput({ custom: { API: { [rest.restApiName]: { endpoint: rest.url, apiName: rest.restApiName }, [http.httpApiName!]: { endpoint: http.url } } } });
`,
  });
  const { manifest, event } = await load(root);
  const told = event.warnings.map(({ file, line, message, hint }) => `${file}:${line} ${message.replace('aws-cdk-lib/', '')} -- ${hint}`).sort();
  const expected = [
    /^amplify\/backend\.ts:16 aws-events\.Rule \('R'\) is not available here -- Its targets are never called; give defineFunction a schedule/,
    /:18 aws-lambda-nodejs\.NodejsFunction \('Own'\) is not available here -- Only functions of defineFunction are served/,
    /:19 aws-lambda\.Function \('Own2'\) is not available here -- Only functions/,
    /:20 aws-apigateway\.RestApi \('Rest'\) is not available here -- Its routes are not served; give the function a URL/,
    /:21 aws-apigatewayv2\.HttpApi \('Http'\) is not available here -- Its routes are not served/,
    /:22 aws-dynamodb\.Table \('Table'\) is not available here -- Define a model/,
    /:23 aws-sqs\.Queue/,
    /:24 The variable FN of the function served is empty: it is functionName of aws-lambda-nodejs\.NodejsFunction, which is not there -- Use/,
    /:25 The variable PARAMETER of the function served is empty: it is aws-ssm\.StringParameter\.valueForStringParameter\(\), which is not there/,
    /:25 aws-ssm\.StringParameter/,
    /:26 The Allow statement for sqs:SendMessage is left out: it names queueArn of aws-sqs\.Queue, which is not there/,
    /:28 The Deny statement for sqs:\* denies more than it says: it names queueArn of aws-sqs\.Queue, which is not there/,
    /:29 amplify_outputs\.json leaves out what addOutput takes from url of aws-apigateway\.RestApi, url of aws-cdk-lib\/aws-apigatewayv2\.HttpApi: it is not there/,
  ];
  assert.equal(told.length, expected.length, told.join('\n'));
  expected.forEach((pattern, index) => assert.match(told[index], pattern));
  assert.match(manifest.functions.served.environment.PARAMETER, /^\$\{amplify:ref:/);
  assert.deepEqual(Object.keys(manifest.outputs[0].custom.API), ['myRestApi', 'myHttpApi']);
});

test('cdk: a KMS key of the CDK for a sender is the own key', async (t) => {
  const root = projectOf(t, {
    'amplify/auth/resource.ts': AUTH,
    'amplify/backend.ts': `import { defineBackend, defineFunction } from '@aws-amplify/backend'; import { auth } from './auth/resource';
import { Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
const sender = defineFunction({ name: 'sender', entry: './sender.ts' });
const backend = defineBackend({ auth, sender });
const key = new Key(Stack.of(backend.auth.resources.userPool), 'CustomSenderKey');
const given = Key.fromKeyArn(backend.stack, 'Given', 'arn:aws:kms:us-east-1:123456789012:key/1');
backend.sender.addEnvironment('KMS_KEY_ARN', key.keyArn);
backend.sender.addEnvironment('GIVEN', given.keyArn);
key.grantDecrypt(backend.sender.resources.lambda);
backend.auth.resources.cfnResources.cfnUserPool.lambdaConfig = {
  customEmailSender: { lambdaArn: backend.sender.resources.lambda.functionArn, lambdaVersion: 'V1_0' },
  kmsKeyId: key.keyArn,
};
`,
    'amplify/sender.ts': 'export const handler = () => 1;\n',
  });
  const { manifest, event } = await load(root);
  const { sender } = manifest.functions;
  assert.deepEqual(event.warnings, []);
  assert.equal(sender.environment.KMS_KEY_ARN, '${amplify:kms.keyArn}');
  assert.equal(sender.environment.GIVEN, 'arn:aws:kms:us-east-1:123456789012:key/1');
  assert.equal(manifest.auth.userPool.lambdaConfig.kmsKeyId, '${amplify:kms.keyArn}');
  assert.deepEqual(manifest.auth.senders.email, { function: 'sender', kmsKeyArn: null });
  assert.deepEqual(sender.policies, [
    { effect: 'Allow', actions: ['kms:Decrypt'], resources: ['${amplify:kms.keyArn}'], conditions: null },
  ]);
});
