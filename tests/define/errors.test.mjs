// Every kind of mistake: the original's name, the file, the line, and what to do.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { failing, load, projectOf } from './support.mjs';

const head = `import { a, defineAuth, defineBackend, defineData, defineFunction, defineStorage, secret } from '@aws-amplify/backend';\n`;
const schema = `'type T @model @auth(rules: [{allow: owner}]) { id: ID! }'`;
/** A backend of one file; its second line is the given text's first. */
const backend = (text) => ({
  'amplify/backend.ts': head + text,
  'amplify/handler.ts': 'export const handler = async () => 1;',
});
const fn = (options) => backend(`const f = defineFunction(${options});\ndefineBackend({ f });`);
const auth = (options) => backend(`const auth = defineAuth(${options});\ndefineBackend({ auth });`);
const bucket = (access) =>
  backend(
    `const auth = defineAuth({ loginWith: { email: true }, groups: ['g'] });\nconst storage = defineStorage({ name: 's', access: (allow) => (${access}) });\ndefineBackend({ auth, storage });`,
  );
const data = (text) => backend(`${text}\ndefineBackend({ data: defineData({ schema }) });`);

/** name of the case: [files, code, pattern of the message, file:line] */
const cases = {
  'a syntax error': [backend('const x = = 1;'), 'SyntaxError', /Unexpected "="/, 'amplify/backend.ts:2'],
  'a syntax error in a file that asks for its place': [
    backend('const here = import.meta.url;\nconst x = = 1;'),
    'SyntaxError',
    /Unexpected "="/,
    'amplify/backend.ts:3',
  ],
  'an import of a file that is not there': [
    backend(`import './missing';`),
    'ModuleNotFoundError',
    /Could not resolve "\.\/missing"/,
    'amplify/backend.ts:2',
  ],
  'an import of a package that is not installed': [
    backend(`import 'not-installed';`),
    'ModuleNotFoundError',
    /"not-installed"/,
    'amplify/backend.ts:2',
  ],
  'an export that does not exist': [
    {
      ...backend(`import { nothing } from './other';\nconsole.log(nothing);`),
      'amplify/other.ts': 'export const x = 1;',
    },
    'SyntaxError',
    /No matching export in "amplify\/other.ts" for import "nothing"/,
    'amplify/backend.ts:2',
  ],
  'an exception': [
    {
      ...backend(`import './deep/thrower';`),
      'amplify/deep/thrower.ts': `type X = string;\n\nexport function f(): X {\n  throw new RangeError('on purpose');\n}\nf();`,
    },
    'RangeError',
    /^on purpose$/,
    'amplify/deep/thrower.ts:4',
  ],
  'an exception in a file that asks for its place': [
    backend(`console.log(import.meta.url);\nnull.x;`),
    'TypeError',
    /null/,
    'amplify/backend.ts:3',
  ],
  'a wrong name of the builder': [
    backend(`const schema = a.schema({ T: a.mdel({}) });`),
    'TypeError',
    /^a\.mdel is not a function$/,
    'amplify/backend.ts:2',
  ],
  'a thrown text': [backend(`throw 'text';`), 'Error', /Definitions threw text/, null],
  'an exit': [
    backend('process.exit(3);'),
    'BackendBuildError',
    /ended the process with code 3/,
    'amplify/backend.ts:null',
  ],
  'no amplify folder': [{}, 'PathNotFoundError', /no amplify folder/, 'amplify:null'],
  'no backend file': [{ 'amplify/data.ts': '' }, 'FileConventionError', /amplify\/backend/, 'amplify/backend.ts:null'],
  'no defineBackend': [backend('export {};'), 'BackendBuildError', /does not call defineBackend/, null],
  'two defineAuth': [
    backend(`defineAuth({ loginWith: { email: true } });\ndefineAuth({ loginWith: { email: true } });`),
    'MultipleSingletonResourcesError',
    /Multiple `defineAuth`/,
    'amplify/backend.ts:3',
  ],
  'two defineData': [
    backend(`defineData({ schema: ${schema} });\n\ndefineData({ schema: ${schema} });`),
    'MultipleSingletonResourcesError',
    /Multiple `defineData`/,
    'amplify/backend.ts:4',
  ],
  'an undefined factory': [
    backend(`let auth: any;\ndefineBackend({ auth });`),
    'TypeError',
    /'auth' in defineBackend is undefined/,
    'amplify/backend.ts:3',
  ],
  'a name': [
    fn(`{ name: '1st' }`),
    'InvalidResourceNameError',
    /invalid characters, found 1st/,
    'amplify/backend.ts:2',
  ],
  'a timeout': [
    fn('{ timeoutSeconds: 901 }'),
    'InvalidTimeoutError',
    /^Invalid function timeout of 901$/,
    'amplify/backend.ts:2',
  ],
  memory: [fn('{ memoryMB: 127 }'), 'InvalidMemoryMBError', /of 127$/, 'amplify/backend.ts:2'],
  'ephemeral storage': [
    fn('{ ephemeralStorageSizeMB: 511 }'),
    'InvalidEphemeralStorageSizeMBError',
    /of 511$/,
    'amplify/backend.ts:2',
  ],
  'an environment key': [
    fn(`{ environment: { A: 'x', '9B': 'y' } }`),
    'InvalidEnvironmentKeyError',
    /A, 9B|9B, A/,
    'amplify/backend.ts:2',
  ],
  'an undefined variable': [
    fn(`{ environment: { KEY: process.env.NOT_SET_ANYWHERE! } }`),
    'InvalidFunctionConfigurationError',
    /KEY is undefined/,
    'amplify/backend.ts:2',
  ],
  'a reserved variable': [
    fn(`{ environment: { AMPLIFY_SSM_ENV_CONFIG: 'x' } }`),
    'FunctionReservedEnvironmentVariableError',
    /reserved/,
    'amplify/backend.ts:2',
  ],
  'a runtime': [fn('{ runtime: 16 as never }'), 'InvalidRuntimeError', /of 16$/, 'amplify/backend.ts:2'],
  'an architecture': [
    fn(`{ architecture: 'mips' as never }`),
    'InvalidArchitectureError',
    /of mips$/,
    'amplify/backend.ts:2',
  ],
  'a layer': [fn(`{ layers: { x: 'nonsense' } }`), 'InvalidLayerFormatError', /nonsense/, 'amplify/backend.ts:2'],
  'six layers': [
    fn(`{ layers: { a: 'l:1', b: 'l:2', c: 'l:3', d: 'l:4', e: 'l:5', f: 'l:6' } }`),
    'MaximumLayersReachedError',
    /5 unique layers/,
    'amplify/backend.ts:2',
  ],
  'a schedule': [
    fn(`{ schedule: '0 0 * * MON' }`),
    'FunctionScheduleInitializationError',
    /day-of-week.*\?/s,
    'amplify/backend.ts:2',
  ],
  'a schedule shorter than the timeout': [
    fn(`{ schedule: 'every 1m', timeoutSeconds: 120 }`),
    'FunctionScheduleInitializationError',
    /greater than the function timeout of 120 seconds/,
    'amplify/backend.ts:2',
  ],
  'a handler file that is not there': [
    fn(`{ entry: './nowhere.ts' }`),
    'NodeJSFunctionConstructInitializationError',
    /nowhere\.ts/,
    'amplify/backend.ts:2',
  ],
  'two functions of one name': [
    backend(
      `defineBackend({\n  one: defineFunction({ name: 'same', entry: './handler.ts' }),\n  two: defineFunction({ name: 'same', entry: './handler.ts' }),\n});`,
    ),
    'DuplicateFunctionNameError',
    /'same'/,
    'amplify/backend.ts:4',
  ],
  'a provider that throws': [
    backend(`defineBackend({ f: defineFunction(() => { throw new Error('no docker'); }) });`),
    'CustomFunctionProviderError',
    /no docker/,
    'amplify/backend.ts:2',
  ],
  'no login': [
    auth('{ loginWith: {} as never }'),
    'InvalidPasswordlessConfigError',
    /At least one authentication method/,
    'amplify/backend.ts:2',
  ],
  'MFA with passwordless': [
    auth(`{ loginWith: { email: { otpLogin: true } }, multifactor: { mode: 'REQUIRED', totp: true } }`),
    'InvalidPasswordlessConfigError',
    /MFA is set to REQUIRED/,
    'amplify/backend.ts:2',
  ],
  'a relying party': [
    auth(`{ loginWith: { email: true, webAuthn: { relyingPartyId: 'https://x.com' } } }`),
    'InvalidPasswordlessConfigError',
    /without protocol/,
    'amplify/backend.ts:2',
  ],
  'a template without its code': [
    auth(`{ loginWith: { email: { verificationEmailBody: () => 'nothing' } } }`),
    'AmplifyAuthConstructInitializationError',
    /verificationEmailBody/,
    'amplify/backend.ts:2',
  ],
  'phone with MFA but no sms': [
    auth(`{ loginWith: { phone: true }, multifactor: { mode: 'OPTIONAL', totp: true } }`),
    'AmplifyAuthConstructInitializationError',
    /SMS must be enabled/,
    'amplify/backend.ts:2',
  ],
  'a preferred challenge': [
    auth(`{ loginWith: { email: true }, passwordlessOptions: { preferredChallenge: 'SMS_OTP' } }`),
    'AmplifyAuthConstructInitializationError',
    /"SMS_OTP" is not enabled/,
    'amplify/backend.ts:2',
  ],
  'no callback URLs': [
    auth(`{ loginWith: { email: true, externalProviders: { callbackUrls: [], logoutUrls: ['http://x'] } } }`),
    'AmplifyAuthConstructInitializationError',
    /callbackUrls/,
    'amplify/backend.ts:2',
  ],
  'a trigger that is no function': [
    auth(`{ loginWith: { email: true }, triggers: { preSignUp: {} as never } }`),
    'InvalidFunctionReferenceError',
    /preSignUp/,
    'amplify/backend.ts:2',
  ],
  'a storage path': [
    bucket(`{ '/x/*': [allow.guest.to(['read'])] }`),
    'InvalidStorageAccessPathError',
    /must not start with/,
    'amplify/backend.ts:3',
  ],
  'the same grantee twice': [
    bucket(`{ 'x/*': [allow.guest.to(['read']), allow.guest.to(['write'])] }`),
    'InvalidStorageAccessDefinitionError',
    /guest users specified multiple times/,
    'amplify/backend.ts:3',
  ],
  'an unknown group': [
    bucket(`{ 'x/*': [allow.groups(['h']).to(['read'])] }`),
    'InvalidResourceAccessConfigError',
    /No auth IAM role found for "h"/,
    'amplify/backend.ts:3',
  ],
  'storage rules without auth': [
    backend(
      `const storage = defineStorage({ name: 's', access: (allow) => ({ 'x/*': [allow.guest.to(['read'])] }) });\ndefineBackend({ storage });`,
    ),
    'Error',
    /without defining auth/,
    'amplify/backend.ts:2',
  ],
  'no default bucket': [
    backend(`defineBackend({\n  a: defineStorage({ name: 'a' }),\n  b: defineStorage({ name: 'b' }) });`),
    'NoDefaultStorageError',
    /No default storage/,
    'amplify/backend.ts:3',
  ],
  'two default buckets': [
    backend(
      `defineBackend({\n  a: defineStorage({ name: 'a', isDefault: true }),\n  b: defineStorage({ name: 'b', isDefault: true }) });`,
    ),
    'MultipleDefaultStorageError',
    /More than one default/,
    'amplify/backend.ts:4',
  ],
  'a relation to nowhere': [
    data(
      `const schema = a.schema({\n  Post: a.model({ id: a.id() }).authorization((allow) => [allow.owner()]),\n  Comment: a.model({\n    post: a.belongsTo('Pots', 'postId'),\n  }).authorization((allow) => [allow.owner()]),\n});`,
    ),
    'InvalidSchemaError',
    /Pots/,
    'amplify/backend.ts:5',
  ],
  'a model without rules': [
    data(
      `const schema = a.schema({\n  Good: a.model({ x: a.string() }).authorization((allow) => [allow.owner()]),\n  Bad: a.model({ x: a.string() }),\n});`,
    ),
    'InvalidSchemaError',
    /Bad/,
    'amplify/backend.ts:4',
  ],
  'schemas of the same names': [
    backend(
      `const s = () => a.schema({ T: a.model({}).authorization((allow) => [allow.owner()]) });\na.combine([s(), s()]);`,
    ),
    'Error',
    /name collision/,
    'amplify/backend.ts:3',
  ],
  'a resolver that is not there': [
    data(
      `const schema = a.schema({\n  q: a.query().returns(a.string()).handler(a.handler.custom({ entry: './none.js' })).authorization((allow) => [allow.authenticated()]),\n});`,
    ),
    'InvalidPathError',
    /none\.js/,
    null,
  ],
  'several modes without a default': [
    backend(
      `const data = defineData({ schema: ${schema}, authorizationModes: { apiKeyAuthorizationMode: {}, lambdaAuthorizationMode: {} as never } });\ndefineBackend({ data });`,
    ),
    'DefineDataConfigurationError',
    /defaultAuthorizationMode is required/,
    'amplify/backend.ts:2',
  ],
  'the same output twice': [
    backend(`const b = defineBackend({});\nb.addOutput({ custom: { x: 'a' } });\nb.addOutput({ custom: { x: 'b' } });`),
    'OutputEntryAlreadyExistsError',
    /Output entry with key x already exists/,
    'amplify/backend.ts:4',
  ],
  'outputs of two major versions': [
    backend(
      `const b = defineBackend({});\nb.addOutput({ version: '1', custom: {} });\nb.addOutput({ version: '2' as never, custom: {} });`,
    ),
    'VersionMismatchError',
    /Conflicting versions/,
    'amplify/backend.ts:4',
  ],
  'the same stack twice': [
    backend(`const b = defineBackend({});\nb.createStack('s');\nb.createStack('s');`),
    'Error',
    /Custom stack named s has already been created/,
    'amplify/backend.ts:4',
  ],
};

for (const [name, [files, code, message, place]] of Object.entries(cases)) {
  test(`refused: ${name}`, async (t) => {
    const root = projectOf(t, files);
    const [error] = await failing(root);
    assert.equal(error.code, code, JSON.stringify(error));
    assert.match(error.message, message);
    if (place !== null) {
      assert.equal(`${error.file}:${error.line}`, place);
    }
    assert.ok(error.hint.length > 10, 'a hint says what to do');
    assert.deepEqual(Object.keys(error).sort(), ['code', 'column', 'file', 'hint', 'line', 'message']);
    assert.ok(!fs.existsSync(`${root}/.amplify/manifest.json`), 'no manifest is written');
  });
}

test('several syntax errors are told at once', async (t) => {
  const root = projectOf(t, {
    'amplify/backend.ts': `import './one';\nimport './two';`,
    'amplify/one.ts': 'let = ;',
    'amplify/two.ts': '}',
  });
  const errors = await failing(root);
  assert.deepEqual(errors.map(({ file, line }) => `${file}:${line}`).sort(), ['amplify/one.ts:1', 'amplify/two.ts:1']);
});

test('resolvers that can not be run are told with their place, and the rest goes on', async (t) => {
  const custom = (name) =>
    `${name}: a.query().returns(a.string()).handler(a.handler.custom({ entry: './${name}.js' })).authorization((allow) => [allow.publicApiKey()]),`;
  const good = 'export const request = () => ({});\nexport const response = () => null;\n';
  const root = projectOf(t, {
    ...data(`const schema = a.schema({\n${['fine', 'syntax', 'refused', 'half', 'lost'].map(custom).join('\n')}\n});`),
    'amplify/fine.js': good,
    'amplify/syntax.js': 'export const request = () => ({});\nexport const = 1;',
    'amplify/refused.js': `import { util } from '@aws-appsync/utils';\nimport { deep } from './refused.ts';\n${good}const f = () => {\n  for (let i = 0; i < 3; i++) f();\n};\n`,
    'amplify/refused.ts': 'interface Class { async: string; for: number }\nexport const deep = (x: Class) => {\n  try {\n    return /a/;\n  } catch {\n    throw new Error();\n  }\n};',
    'amplify/half.js': "import { readFile } from '@aws-appsync/utils/files';\nexport const request = () => readFile('x');",
    'amplify/lost.js': "import { x } from './nothing.js';\n" + good,
  });
  const { manifest } = await load(root);
  const handlers = Object.fromEntries(manifest.data.jsFunctions.map(({ fieldName, handlers: [handler] }) => [fieldName, handler]));
  assert.equal(handlers.fine.problem, null);
  assert.ok(handlers.fine.out !== null && handlers.fine.hash !== null);
  assert.match(handlers.syntax.problem, /^The resolver of Query\.syntax can not be run: Expected identifier but found "=" \(amplify\/syntax\.js:2:14\)$/);
  assert.equal(handlers.syntax.out, null);
  assert.match(handlers.half.problem, /There is no module @aws-appsync\/utils\/files/);
  assert.match(handlers.lost.problem, /Could not resolve "\.\/nothing\.js" \(amplify\/lost\.js:1:19\)$/);
  const told = manifest.warnings.filter(({ message }) => message.startsWith('The resolver of Query.refused'));
  assert.deepEqual(
    told.map(({ message, file, line, column }) => `${message.split(': ')[1]} ${file}:${line}:${column}`).sort(),
    [
      'For statements are not supported. amplify/refused.js:6:3',
      'Recursive function calls not supported. Detected cycle in f -> f amplify/refused.js:5:11',
      'Regex literals are not supported. amplify/refused.ts:4:12',
      'The operator ++ is not supported amplify/refused.js:6:26',
      'Throw statements are not supported. amplify/refused.ts:6:5',
      'Try statements are not supported. amplify/refused.ts:3:3',
    ],
  );
});
