// What the manifests of the fixture projects hold.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fixture, load, projectOf, run, write } from './support.mjs';

const keys = `formatVersion project auth data storage functions hosting overrides constructs stacks outputs secrets warnings inputs`;

test('todo: one model behind an API key, without any node_modules', async (t) => {
  const root = fixture(t, 'todo');
  const { manifest, event, stderr, stdout, out } = await load(root);
  assert.deepEqual(Object.keys(manifest), keys.split(' '));
  assert.equal(manifest.formatVersion, 1);
  assert.deepEqual(manifest.project, { root, name: 'todo' });
  assert.equal(
    manifest.data.sdl,
    'type Todo @model @auth(rules: [{allow: public, provider: apiKey}])\n{\n  content: String!\n  done: Boolean\n}\n',
  );
  assert.deepEqual(manifest.data.authorizationModes, {
    default: 'apiKey',
    modes: ['apiKey', 'iam'],
    apiKey: { expiresInDays: 30, description: null },
    lambda: null,
    oidc: null,
  });
  assert.equal(manifest.auth, null);
  assert.deepEqual(manifest.inputs, [
    path.join(root, 'amplify/backend.ts'),
    path.join(root, 'amplify/data/resource.ts'),
  ]);
  assert.equal(stdout.split('\n').length, 2, 'one line on standard output');
  assert.match(stderr, /printed by a definition/);
  assert.deepEqual({ ...event, ms: 0 }, { event: 'manifest', path: out, changed: true, ms: 0, warnings: [] });
});

test('a second run changes nothing and does not touch the file', async (t) => {
  const root = fixture(t, 'todo');
  const { out } = await load(root);
  const before = fs.statSync(out);
  const { event } = await load(root);
  assert.equal(event.changed, false);
  assert.equal(fs.statSync(out).mtimeMs, before.mtimeMs);
  assert.equal(fs.statSync(out).ino, before.ino);
  assert.deepEqual(fs.readdirSync(path.dirname(out)), ['manifest.json']);
});

test('blog: auth, data, storage and a function', async (t) => {
  const root = fixture(t, 'blog');
  const { manifest, event } = await load(root);
  assert.deepEqual(event.warnings, []);
  const { auth, data, storage, functions } = manifest;
  assert.deepEqual(auth.loginWith.email, {
    verificationStyle: 'CODE',
    verificationSubject: 'Welcome to the blog',
    verificationBody: 'Your code is {####}.',
    invitation: { emailSubject: 'Join us', emailBody: 'Hello {username}, use {####}', smsMessage: null },
    otpLogin: false,
  });
  assert.deepEqual(auth.loginWith.externalProviders, {
    google: {
      clientId: '${amplify:secret:GOOGLE_CLIENT_ID}',
      clientSecret: '${amplify:secret:GOOGLE_CLIENT_SECRET}',
      scopes: ['profile'],
      attributeMapping: { email: 'email' },
    },
    facebook: null,
    loginWithAmazon: null,
    signInWithApple: null,
    oidc: [],
    saml: null,
    scopes: ['phone', 'email', 'openid', 'profile', 'aws.cognito.signin.user.admin'],
    callbackUrls: ['http://localhost:5173/'],
    logoutUrls: ['http://localhost:5173/bye'],
    responseType: 'code',
  });
  assert.deepEqual(auth.userAttributes, {
    standard: { email: { required: true, mutable: true }, preferredUsername: { required: true, mutable: true } },
    custom: { level: { dataType: 'Number', min: 1, max: 10, mutable: true } },
  });
  assert.deepEqual(auth.groups, [
    { name: 'admins', precedence: 0 },
    { name: 'writers', precedence: 1 },
  ]);
  assert.deepEqual(auth.client.explicitAuthFlows, [
    'ALLOW_CUSTOM_AUTH',
    'ALLOW_USER_SRP_AUTH',
    'ALLOW_REFRESH_TOKEN_AUTH',
  ]);
  assert.deepEqual(manifest.secrets, ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET']);
  assert.deepEqual(data.authorizationModes.modes, ['userPool', 'iam', 'apiKey']);
  assert.match(
    data.sdl,
    /type Comment @model @auth\(rules: \[\{allow: public, provider: apiKey, operations: \[read\]\}/,
  );
  assert.deepEqual(storage, [
    {
      name: 'myAppStorage',
      isDefault: true,
      versioned: false,
      keepOnDelete: false,
      triggers: {},
      access: [
        {
          path: 'profile-pictures/{entity_id}/*',
          rules: [
            { kind: 'guest', name: null, function: null, actions: ['get', 'list'] },
            { kind: 'entity', name: 'identity', function: null, actions: ['get', 'list', 'write', 'delete'] },
          ],
        },
        {
          path: 'public/*',
          rules: [
            { kind: 'guest', name: null, function: null, actions: ['get', 'list'] },
            { kind: 'authenticated', name: null, function: null, actions: ['get', 'list', 'write'] },
            { kind: 'group', name: 'admins', function: null, actions: ['delete'] },
          ],
        },
      ],
      cors: [],
      lifecycle: [],
      notifications: [],
    },
  ]);
  const fn = functions['process-order'];
  assert.equal(fn.entry, path.join(root, 'amplify/functions/process-order/handler.ts'));
  assert.deepEqual([fn.timeoutSeconds, fn.memoryMB, fn.runtime, fn.problem], [30, 256, 22, null]);
  assert.equal(typeof (await import(fn.out)).handler, 'function');
  assert.deepEqual(fn.environment, { ORDERS_TABLE: 'orders', STAGE: 'dev' });
});

test('blog: the typed environment of its function', async (t) => {
  const root = fixture(t, 'blog');
  await load(root);
  const text = fs.readFileSync(path.join(root, '.amplify/generated/env/process-order.ts'), 'utf8');
  assert.match(text, /export const env = process\.env as unknown as /);
  for (const name of ['ORDERS_TABLE', 'STAGE', 'AWS_REGION', 'AWS_LAMBDA_FUNCTION_NAME']) {
    assert.match(text, new RegExp(`^  ${name}: string;$`, 'm'));
  }
});

test('traps: what the original refuses, but projects do, runs with a warning', async (t) => {
  const { manifest, event } = await load(fixture(t, 'traps'));
  assert.deepEqual(manifest.data.authorizationModes, {
    default: 'userPool',
    modes: ['userPool', 'iam', 'apiKey'],
    apiKey: { expiresInDays: 7, description: null },
    lambda: null,
    oidc: null,
  });
  assert.equal(manifest.auth.loginWith.externalProviders.google.clientSecret, 'secret-in-clear');
  assert.deepEqual(manifest.secrets, []);
  const key = event.warnings.find(({ message }) => message.includes('API key'));
  assert.deepEqual([key.file, key.line], ['amplify/backend.ts', 15]);
  assert.match(key.hint, /apiKeyAuthorizationMode/);
  const place = event.warnings.find(({ message }) => message.includes('amplify/auth/resource.ts'));
  assert.deepEqual([place.file, place.line], ['amplify/backend.ts', 4]);
  assert.deepEqual(manifest.warnings, event.warnings);
});

test('cycle: an import cycle, grants in both directions, a function that is only referred to', async (t) => {
  const { manifest } = await load(fixture(t, 'cycle'));
  const fn = manifest.functions['make-thumbnail'];
  assert.equal(fn.group, 'storage');
  assert.deepEqual(fn.grants, [
    { resource: 'storage', name: 'photos2Big', path: 'photos/*', actions: ['get', 'list', 'write'] },
    { resource: 'auth', name: 'amplifyAuth', path: null, actions: ['addUserToGroup', 'manageUsers'] },
  ]);
  assert.deepEqual(fn.environment, {
    PHOTOS_2_BIG_BUCKET_NAME: '${amplify:storage.photos2Big.bucketName}',
    AMPLIFY_AUTH_USERPOOL_ID: '${amplify:auth.userPoolId}',
  });
  assert.deepEqual(manifest.auth.access, [{ function: 'make-thumbnail', actions: ['addUserToGroup', 'manageUsers'] }]);
  assert.deepEqual(manifest.auth.triggers, { postConfirmation: 'make-thumbnail' });
  assert.deepEqual(manifest.storage[0].access[0].rules, [
    { kind: 'resource', name: null, function: 'make-thumbnail', actions: ['get', 'list', 'write'] },
  ]);
});

test('combined: two schemas, custom resolvers from two folders, function handlers', async (t) => {
  const root = fixture(t, 'combined');
  const { manifest } = await load(root);
  const { data, functions } = manifest;
  assert.deepEqual(data.functionMap, { byName: 'named', FnGreet: 'greet' });
  assert.deepEqual(data.functionAccess, [{ function: 'greet', actions: ['query', 'listen'] }]);
  assert.deepEqual(data.logging, { retention: '1 week', excludeVerboseContent: true, fieldLogLevel: 'error' });
  assert.deepEqual(
    data.dataSources.map(({ name, kind, endpoint }) => ({ name, kind, endpoint })),
    [{ name: 'Weather', kind: 'http', endpoint: 'https://weather.example.com' }],
  );
  const [{ typeName, fieldName, handlers }] = data.jsFunctions;
  assert.deepEqual([typeName, fieldName], ['Query', 'forecast']);
  assert.deepEqual(
    handlers.map(({ dataSource, entry }) => [dataSource, entry]),
    [
      ['Weather', path.join(root, 'amplify/data/nested/forecast.js')],
      ['NONE_DS', path.join(root, 'amplify/data/resolvers/upper.ts')],
    ],
  );
  assert.deepEqual(functions.greet.environment, {
    AMPLIFY_DATASHOP_API_GRAPHQL_ENDPOINT: '${amplify:data.graphqlUrl}',
    AMPLIFY_DATASHOP_API_MODEL_INTROSPECTION_SCHEMA_BUCKET_NAME: '${amplify:data.introspectionBucketName}',
    AMPLIFY_DATASHOP_API_MODEL_INTROSPECTION_SCHEMA_KEY: 'modelIntrospectionSchema.json',
    AMPLIFY_DATA_DEFAULT_NAME: 'amplifyDatashopApi',
    SHOP_API_GRAPHQL_ENDPOINT: '${amplify:data.graphqlUrl}',
  });
  assert.ok(
    manifest.inputs.includes(path.join(root, 'amplify/data/resolvers/paths.js')),
    'what a resolver imports is an input',
  );
});

test('combined: the bundled resolvers are modules that import only the runtime', async (t) => {
  const root = fixture(t, 'combined');
  const generated = path.join(root, 'made');
  const { manifest } = await load(root, { args: ['--generated', generated] });
  const [first, second] = manifest.data.jsFunctions[0].handlers;
  assert.equal(first.out, path.join(generated, 'resolvers', 'Query.forecast.1.js'));
  const text = fs.readFileSync(first.out, 'utf8');
  assert.deepEqual(text.match(/require\("@[^"]*"\)/g), ['require("@aws-appsync/utils")']);
  const module = { exports: {} };
  new Function('module', 'require', fs.readFileSync(second.out, 'utf8'))(module, () => ({}));
  assert.deepEqual(module.exports.response({ prev: { result: { sky: 'blue' } } }), { sky: 'BLUE' });
});

test('functions: every option, schedules, a wrapper in another folder, a provider', async (t) => {
  const root = fixture(t, 'functions');
  const { manifest } = await load(root, { env: { AMPD_TEST_VARIABLE: 'set' } });
  const { functions } = manifest;
  assert.deepEqual(Object.keys(functions), ['full one', 'wrapped', 'full', 'lasting', 'python']);
  const { entry, grants, policies, hash: bundled, ...full } = functions['full one'];
  assert.match(bundled, /^[0-9a-f]{64}$/);
  assert.equal(entry, path.join(root, 'amplify/full.ts'));
  assert.deepEqual([grants, policies], [[], []]);
  assert.deepEqual(full, {
    name: 'full one',
    group: 'data',
    out: path.join(root, '.amplify/generated/functions/full+20+one.mjs'),
    problem: null,
    timeoutSeconds: 60,
    memoryMB: 1024,
    ephemeralStorageSizeMB: 2048,
    lambdaRuntime: 'nodejs20.x',
    handler: 'index.handler',
    code: null,
    inline: null,
    runtime: 20,
    architecture: 'arm64',
    environment: { GREETING: 'hi', TOKEN: '${amplify:secret:API_TOKEN}', FROM_ENV: 'set' },
    schedule: [
      { cron: '*/5 * * * ? *', rate: 'every 5m', timezone: 'UTC', description: null },
      { cron: '0 */2 * * ? *', rate: 'every 2h', timezone: 'UTC', description: null },
      { cron: '0 0 * * ? *', rate: 'every day', timezone: 'UTC', description: null },
      { cron: '0 0 ? * 1 *', rate: 'every week', timezone: 'Europe/Berlin', description: 'weekly' },
      { cron: '0 9 ? * 2-6 *', rate: null, timezone: 'UTC', description: null },
      { cron: '*/10 1,2 1 * ? *', rate: null, timezone: 'UTC', description: null },
    ],
    layers: {
      sharp: 'arn:aws:lambda:us-east-1:123456789012:layer:sharp:3',
      tools: 'arn:aws:lambda:${amplify:region}:${amplify:account}:layer:tools:7',
    },
    minify: false,
    logging: { format: 'json', level: 'debug', retention: '1 week' },
    durable: null,
    url: null,
    eventSources: [],
    provided: null,
  });
  assert.equal(functions.wrapped.entry, path.join(root, 'amplify/shared/wrapped.ts'));
  assert.deepEqual(functions.lasting.durable, { executionTimeoutSeconds: 3600, retentionPeriodDays: 14 });
  assert.deepEqual([functions.python.group, functions.python.entry], ['auth', null]);
  const { lambdaRuntime, handler, code, hash, timeoutSeconds, memoryMB } = functions.python;
  assert.deepEqual(
    [lambdaRuntime, handler, code, timeoutSeconds, memoryMB],
    ['python3.12', 'index.handler', path.join(root, 'amplify/python'), 3, 128],
  );
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.ok(manifest.inputs.includes(path.join(root, 'amplify/python/index.py')));
  const construct = manifest.constructs.find(({ ref }) => ref === functions.python.provided.$ref);
  assert.equal(construct.scope, 'stack:auth');
  assert.deepEqual(construct.args[0], {
    runtime: { $const: 'aws-cdk-lib/aws-lambda.Runtime.PYTHON_3_12' },
    handler: 'index.handler',
    code: { $call: 'aws-cdk-lib/aws-lambda.Code.fromAsset', args: [path.join(root, 'amplify/python')] },
  });
});

test('paths: aliases of both tsconfig files, JSON, top-level await, files outside of amplify/', async (t) => {
  const root = fixture(t, 'paths');
  const { manifest } = await load(root);
  assert.equal(manifest.project.name, '@scope/paths');
  assert.match(manifest.data.sdl, /^type Page @model/);
  assert.deepEqual(manifest.auth.groups, [{ name: 'editors', precedence: 0 }]);
  assert.equal(manifest.auth.accountRecovery, 'PHONE_ONLY_WITHOUT_MFA');
  assert.deepEqual(manifest.auth.usernameAttributes, ['phone_number']);
  assert.ok(manifest.inputs.includes(path.join(root, 'src/groups.ts')));
});

test('javascript: CommonJS definitions, a lambda authorizer as the only mode', async (t) => {
  const { manifest } = await load(fixture(t, 'javascript'));
  assert.deepEqual(manifest.data.authorizationModes, {
    default: 'lambda',
    modes: ['lambda', 'iam'],
    apiKey: null,
    lambda: { function: 'authorizer', timeToLiveInSeconds: 60 },
    oidc: null,
  });
});

test('auth: every kind of login, MFA, senders', async (t) => {
  const { manifest } = await load(fixture(t, 'auth'));
  const { auth } = manifest;
  assert.equal(auth.name, 'people');
  assert.equal(auth.loginWith.email.verificationBody, 'Click {##here##}');
  assert.deepEqual(auth.loginWith.webAuthn, { relyingPartyId: 'example.com', userVerification: 'required' });
  assert.deepEqual(auth.passwordless, {
    emailOtp: true,
    smsOtp: false,
    webAuthn: true,
    preferredChallenge: 'WEB_AUTHN',
  });
  assert.deepEqual(auth.multifactor, {
    mode: 'OPTIONAL',
    sms: true,
    totp: true,
    email: false,
    smsMessage: 'MFA {####}',
  });
  assert.ok(auth.client.explicitAuthFlows.includes('ALLOW_USER_AUTH'));
  assert.deepEqual(auth.senders.email, { function: 'sender', kmsKeyArn: null });
  assert.deepEqual(auth.loginWith.externalProviders.facebook.attributeMapping, { nickname: 'name' });
  assert.deepEqual(auth.loginWith.externalProviders.scopes, ['email', 'openid']);
  assert.equal(auth.loginWith.externalProviders.oidc[0].attributeRequestMethod, 'GET');
  assert.equal(manifest.secrets.length, 10);
});

test('reference: referenceAuth keeps the ids and warns', async (t) => {
  const { manifest, stderr, event } = await load(fixture(t, 'reference'));
  assert.equal(manifest.auth.kind, 'reference');
  assert.equal(manifest.auth.reference.userPoolId, 'us-east-1_abcdefghi');
  assert.deepEqual(manifest.auth.groups, [{ name: 'ADMINS', precedence: 0 }]);
  assert.match(stderr, /Pool: \$\{amplify:auth\.userPoolId\}/);
  assert.match(event.warnings[0].message, /none of its users/);
});

test('hosting: two buckets, triggers, amplify/hosting.ts', async (t) => {
  const { manifest } = await load(fixture(t, 'hosting'));
  assert.deepEqual(
    manifest.storage.map(({ name, isDefault, versioned, keepOnDelete, triggers }) => ({
      name,
      isDefault,
      versioned,
      keepOnDelete,
      triggers,
    })),
    [
      {
        name: 'first',
        isDefault: true,
        versioned: false,
        keepOnDelete: false,
        triggers: { onUpload: 'seen', onDelete: 'seen' },
      },
      { name: 'second', isDefault: false, versioned: true, keepOnDelete: true, triggers: {} },
    ],
  );
  assert.deepEqual(manifest.hosting, {
    framework: 'spa',
    buildOutputDir: 'dist',
    environment: { KEY: '${amplify:secret:SITE_KEY}', MODE: '${amplify:config:MODE}' },
    compute: { memorySize: 512 },
  });
});

const fakeSchema = (name) =>
  `export const a = { schema: () => ({ transform: () => ({ schema: 'type ${name} @model { id: ID! }', jsFunctions: [], functionSchemaAccess: [], lambdaFunctions: {} }) }), handler: {} };`;
const manifestOf = (name) =>
  JSON.stringify({ name, type: 'module', exports: { '.': './index.js', './package.json': './package.json' } });

test("the project's own copy of the schema builder is used, hoisted or not", async (t) => {
  const files = {
    'amplify/backend.ts': `import { defineBackend, defineData, a } from '@aws-amplify/backend';\ndefineBackend({ data: defineData({ schema: a.schema({}) }) });`,
  };
  const hoisted = projectOf(t, files);
  write(hoisted, {
    'node_modules/@aws-amplify/data-schema/package.json': manifestOf('@aws-amplify/data-schema'),
    'node_modules/@aws-amplify/data-schema/index.js': fakeSchema('Hoisted'),
  });
  assert.match((await load(hoisted)).manifest.data.sdl, /type Hoisted/);

  const nested = projectOf(t, files);
  write(nested, {
    'node_modules/@aws-amplify/backend/package.json': manifestOf('@aws-amplify/backend'),
    'node_modules/@aws-amplify/backend/index.js': 'throw new Error("the original is not to be loaded");',
    'node_modules/@aws-amplify/backend/node_modules/@aws-amplify/data-schema/package.json':
      manifestOf('@aws-amplify/data-schema'),
    'node_modules/@aws-amplify/backend/node_modules/@aws-amplify/data-schema/index.js': fakeSchema('Nested'),
  });
  assert.match((await load(nested)).manifest.data.sdl, /type Nested/);
});

test('packages: ordinary ones load from node_modules, those that use the CDK see the recorder', async (t) => {
  const root = projectOf(t, {
    'amplify/backend.ts': `import { defineBackend, defineData } from '@aws-amplify/backend';
import { text } from 'plain';
import { Thing } from 'cdk-thing';
const backend = defineBackend({ data: defineData({ schema: text }) });
new Thing(backend.createStack('things'), 'One');`,
    'node_modules/plain/package.json': JSON.stringify({ name: 'plain', main: 'index.js' }),
    'node_modules/plain/index.js': `exports.text = 'type P @model @auth(rules: [{allow: owner}]) { id: ID! }'; exports.place = __filename;`,
    'node_modules/cdk-thing/package.json': JSON.stringify({
      name: 'cdk-thing',
      main: 'index.js',
      peerDependencies: { 'aws-cdk-lib': '^2', constructs: '^10' },
    }),
    'node_modules/cdk-thing/index.js': `const { Construct } = require('constructs'); const s3 = require('aws-cdk-lib/aws-s3');
exports.Thing = class Thing extends Construct { constructor(scope, id) { super(scope, id); this.bucket = new s3.Bucket(this, 'Inner'); } };`,
  });
  const { manifest } = await load(root);
  assert.deepEqual(
    manifest.constructs.map(({ type, class: own, scope, id }) => [type, own, scope, id]),
    [
      ['constructs.Construct', 'Thing', 'stack:things', 'One'],
      ['aws-cdk-lib/aws-s3.Bucket', null, manifest.constructs[0].ref, 'Inner'],
    ],
  );
});

test('default authorization modes', async (t) => {
  const backend = (auth, data) => ({
    'amplify/backend.ts': `import { defineAuth, defineBackend, defineData } from '@aws-amplify/backend';
const schema = 'type T @model @auth(rules: [{allow: owner}]) { id: ID! }';
${auth ? 'const auth = defineAuth({ loginWith: { email: true } });' : ''}
defineBackend({ ${auth ? 'auth,' : ''} data: defineData({ schema${data} }) });`,
  });
  const modesOf = async (auth, data) =>
    (await load(projectOf(t, backend(auth, data)))).manifest.data.authorizationModes;
  const oidc = `, authorizationModes: { oidcAuthorizationMode: { oidcProviderName: 'me', oidcIssuerUrl: 'https://id.example.com', tokenExpiryFromAuthInSeconds: 60, tokenExpireFromIssueInSeconds: 90 } }`;
  assert.deepEqual((await modesOf(false, '')).modes, ['apiKey', 'iam']);
  assert.deepEqual((await modesOf(true, '')).modes, ['userPool', 'iam']);
  assert.deepEqual((await modesOf(true, `, authorizationModes: { defaultAuthorizationMode: 'identityPool' }`)).modes, [
    'iam',
    'userPool',
  ]);
  assert.deepEqual(await modesOf(false, oidc), {
    default: 'oidc',
    modes: ['oidc', 'iam'],
    apiKey: null,
    lambda: null,
    oidc: {
      providerName: 'me',
      issuerUrl: 'https://id.example.com',
      clientId: null,
      tokenExpiryFromAuthInSeconds: 60,
      tokenExpireFromIssueInSeconds: 90,
    },
  });
});

test('command line: missing options are told on standard error', async (t) => {
  const root = fixture(t, 'todo');
  const { code, stdout, stderr } = await run(root, { args: ['--nonsense'] });
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /usage/);
});
