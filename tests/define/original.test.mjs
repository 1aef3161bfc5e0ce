// The checks of the original packages and ours, on the same inputs: same verdict, same error, same words.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkBuild, checkCall } from '../../js/define/standin/auth_checks.mjs';
import { loginOption, mfaOption } from '../../js/define/standin/auth_options.mjs';
import { functionOptions } from '../../js/define/standin/function_options.mjs';
import { screamingSnake } from '../../js/define/standin/names.mjs';
import { OutputParts } from '../../js/define/standin/outputs.mjs';
import { parseSchedules } from '../../js/define/standin/schedule.mjs';
import { storageAccess } from '../../js/define/standin/storage_access.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const file = (name) => import(pathToFileURL(path.join(here, 'node_modules', name)).href);
const require = createRequire(import.meta.url);
const supported = Number(process.versions.node.split('.')[0]) >= 20;
const skip = supported ? false : 'the original packages need Node 20';

/** What running something comes to: its value, or its error's name and text. */
function outcome(run) {
  try {
    return { value: run() };
  } catch (error) {
    return { name: error.name, message: error.message };
  }
}

const sameRefusal = (ours, theirs, input) =>
  assert.deepEqual([ours.name, ours.message], [theirs.name, theirs.message], JSON.stringify(input));

test('defineFunction: options', { skip }, async () => {
  const { defineFunction } = await file('@aws-amplify/backend-function/lib/index.js');
  const { FunctionLayerArnParser } = await file('@aws-amplify/backend-function/lib/layer_parser.js');
  const resolved = (props) => {
    let generator;
    defineFunction({ name: 'f', entry: '/x/handler.ts', ...props }).getInstance({
      constructContainer: { getOrCompute: (g) => (generator = g) },
    });
    new FunctionLayerArnParser('r', '123456789012').parseLayers(generator.props.layers, 'f');
    return generator.props;
  };
  const arn = 'arn:aws:lambda:us-east-1:123456789012:layer:l:1';
  const inputs = [
    {},
    ...[0, 1, 3, 900, 901, 1.5, -1, '3', NaN, null].map((timeoutSeconds) => ({ timeoutSeconds })),
    ...[127, 128, 512, 10240, 10241, 200.5].map((memoryMB) => ({ memoryMB })),
    ...[511, 512, 10240, 10241].map((ephemeralStorageSizeMB) => ({ ephemeralStorageSizeMB })),
    ...[16, 18, 20, 22, 24, 26].map((runtime) => ({ runtime })),
    ...['arm64', 'x86_64', 'arm'].map((architecture) => ({ architecture })),
    ...['A', 'AB', 'a_b', '_A', '1A', 'A-B', 'A1'].map((key) => ({ environment: { [key]: 'v' } })),
    ...[
      { a: 'l:1' },
      { a: arn },
      { a: 'l' },
      { a: 'l:x' },
      { a: `${arn}:2` },
      { a: 'a:1', b: 'b:1', c: 'c:1', d: 'd:1', e: 'e:1' },
      { a: 'a:1', b: 'b:1', c: 'c:1', d: 'd:1', e: 'e:1', f: 'e:1' },
      { a: 'a:1', b: 'b:1', c: 'c:1', d: 'd:1', e: 'e:1', f: 'f:1' },
    ].map((layers) => ({ layers })),
    ...[
      { executionTimeoutSeconds: 1 },
      { executionTimeoutSeconds: 0 },
      { executionTimeoutSeconds: 31_622_401 },
      { executionTimeoutSeconds: 9, retentionPeriodDays: 91 },
    ].map((durableConfig) => ({ durableConfig })),
    { durableConfig: { executionTimeoutSeconds: 9 }, runtime: 20 },
  ];
  for (const input of inputs) {
    const ours = outcome(() => functionOptions({ entry: '/x/handler.ts', ...input }, 'f', '/x'));
    const theirs = outcome(() => resolved(input));
    // The original lets a text pass for a number; the CDK stops it later.
    if (typeof input.timeoutSeconds === 'string' || input.timeoutSeconds === null) {
      assert.ok(ours.name, JSON.stringify(input));
      continue;
    }
    sameRefusal(ours, theirs, input);
    if (ours.value) {
      for (const key of ['entry', 'timeoutSeconds', 'memoryMB', 'ephemeralStorageSizeMB', 'runtime', 'architecture']) {
        assert.deepEqual(ours.value[key], theirs.value[key], key);
      }
    }
  }
});

test('defineFunction: schedules', { skip }, async () => {
  const { convertFunctionSchedulesToScheduleProps } = await file(
    '@aws-amplify/backend-function/lib/schedule_parser.js',
  );
  const inputs =
    `every 5m|every 1m|every -3m|every 1.5h|every 2h|every day|every week|every month|every year|0 9 ? * 2-6 *
0 9 * * ? *|0 9 1 * ?|0 9 1 * 1|* * * * *|0 9 ? * MON|0 9 ? JAN 1|*/5 * * * ?|*/0 * * * ?|5/10 * * * ?|70/10 * * * ?|5/x * * * ?|60 * * * ?|0 24 * * ?
0 0 0 * ?|0 0 32 * ?|0 0 1 13 ?|0 0 ? * 8|0 0 ? * 0|0 0 1 1 ? 1969|0 0 1 1 ? 2199|0 0 1 1 ? 2200|1,2,3 * * * ?|1,60 * * * ?|1,2-3 * * * ?|1,2/3 * * * ?
10-5 * * * ?|5-10 * * * ?|5-70 * * * ?|a-b * * * ?|x * * * ?|1.5 * * * ?|0 0 1,15 * ?|0 0 ? 1-3 2,4`.split(/[|\n]/);
  for (const timeout of [3, 120]) {
    for (const input of inputs) {
      const theirs = outcome(() =>
        convertFunctionSchedulesToScheduleProps({ timeout: { toSeconds: () => timeout } }, input),
      );
      const ours = parseSchedules(input, timeout);
      assert.equal(ours.errors.join('\n'), theirs.message ?? '', `${input} with ${timeout}`);
      if (theirs.value) {
        const [, fields] = /^cron\((.*)\)$/.exec(theirs.value[0].schedule.expressionString);
        assert.equal(ours.schedules[0].cron, fields, input);
      }
    }
  }
});

test('a rate of zero, which the original lets through to a timer that never fires, is refused', () => {
  assert.deepEqual(parseSchedules('every 0m', 3).errors, [
    'Function schedule rate must be set with a positive whole number',
  ]);
});

test('defineStorage: paths', { skip }, async () => {
  const { validateStorageAccessPaths } = await file(
    '@aws-amplify/backend-storage/lib/validate_storage_access_paths.js',
  );
  const inputs = [
    ['a/*'],
    ['/a/*'],
    ['a'],
    ['a/'],
    ['a*'],
    ['a//b/*'],
    ['a/*/b/*'],
    ['*/a/*'],
    ['a/*', 'a/b/*'],
    ['a/*', 'a/b/*', 'a/b/c/*'],
    ['a/b/c/*', 'a/*', 'a/b/*'],
    ['a/{entity_id}/*'],
    ['{entity_id}/*'],
    ['a/{entity_id}/b/*'],
    ['a/x{entity_id}/*'],
    ['a/{entity_id}x/*'],
    ['a/{entity_id}/{entity_id}/*'],
    ['a/*', 'a/{entity_id}/*'],
    ['a/{entity_id}/*', 'b/{entity_id}/*', 'b/*'],
    ['/*'],
    ['ab/*', 'a/*'],
  ];
  for (const input of inputs) {
    const ours = outcome(() =>
      storageAccess('s', () => Object.fromEntries(input.map((name) => [name, []])), /** @type {any} */ ({})),
    );
    const theirs = outcome(() => validateStorageAccessPaths(input));
    assert.equal(ours.name, theirs.name, JSON.stringify(input));
    // The original keeps one detail apart from the message.
    assert.ok(
      ours.message === theirs.message || ours.message?.startsWith(theirs.message),
      JSON.stringify([input, ours.message, theirs.message]),
    );
  }
});

const code = (create) => `c ${create()}`;
const authInputs = [
  { loginWith: { email: true } },
  { loginWith: { phone: true } },
  { loginWith: {} },
  { loginWith: { externalProviders: { callbackUrls: ['x'], logoutUrls: ['x'] } } },
  { loginWith: { email: true, externalProviders: { callbackUrls: [], logoutUrls: ['x'] } } },
  { loginWith: { email: true, externalProviders: { callbackUrls: ['x'], logoutUrls: [] } } },
  { loginWith: { email: true, externalProviders: { callbackUrls: ['http://x'], logoutUrls: ['http://x'] } } },
  { loginWith: { webAuthn: true } },
  { loginWith: { email: true, webAuthn: true } },
  ...['AUTO', 'localhost', 'example.com', 'https://example.com', 'a b', '-x.com', 'x'].map((relyingPartyId) => ({
    loginWith: { email: true, webAuthn: { relyingPartyId } },
  })),
  { loginWith: { email: { otpLogin: true } }, multifactor: { mode: 'REQUIRED', totp: true } },
  { loginWith: { email: { otpLogin: true } }, multifactor: { mode: 'OPTIONAL', totp: true } },
  { loginWith: { email: { verificationEmailBody: code } } },
  { loginWith: { email: { verificationEmailBody: () => 'x' } } },
  { loginWith: { email: { verificationEmailStyle: 'LINK', verificationEmailBody: (link) => link('t') } } },
  { loginWith: { email: { verificationEmailStyle: 'LINK', verificationEmailBody: () => 'x' } } },
  { loginWith: { phone: { verificationMessage: () => 'x' } } },
  { loginWith: { phone: { verificationMessage: code } } },
  { loginWith: { phone: true }, multifactor: { mode: 'REQUIRED', totp: true } },
  { loginWith: { phone: true }, multifactor: { mode: 'REQUIRED', sms: true } },
  { loginWith: { email: true }, multifactor: { mode: 'OPTIONAL', sms: { smsMessage: () => 'x' } } },
  { loginWith: { email: true }, multifactor: { mode: 'OPTIONAL', sms: { smsMessage: code } } },
  ...['PASSWORD', 'EMAIL_OTP', 'SMS_OTP', 'WEB_AUTHN'].map((preferredChallenge) => ({
    loginWith: { email: { otpLogin: true } },
    passwordlessOptions: { preferredChallenge },
  })),
  {
    loginWith: { email: true },
    senders: { sms: { snsCallerArn: 'arn:aws:iam::123456789012:role/x', snsRegion: 'us-east-1' } },
  },
  {
    loginWith: { email: true },
    senders: { sms: { snsCallerArn: 'arn:aws:iam::123456789012:role/x', externalId: 'x', snsRegion: 'us-east-1' } },
  },
];

test('defineAuth: what is refused when it is called', { skip }, async () => {
  const { AmplifyAuthFactory } = await file('@aws-amplify/backend-auth/lib/factory.js');
  for (const input of authInputs) {
    AmplifyAuthFactory.factoryCount = 0;
    const ours = outcome(() => void checkCall(input, null));
    const write = process.stderr.write;
    process.stderr.write = () => true;
    const theirs = outcome(() => void new AmplifyAuthFactory(input, ''));
    process.stderr.write = write;
    assert.equal(ours.name, theirs.name, JSON.stringify(input));
  }
});

test('defineAuth: what is refused when it is built, and the pool it gives', { skip }, async () => {
  const { AmplifyAuth } = require('@aws-amplify/auth-construct');
  const { App, Stack } = require('aws-cdk-lib');
  for (const input of authInputs.filter((props) => outcome(() => checkCall(props, null)).name === undefined)) {
    const ours = outcome(() => {
      checkBuild(input);
      return { login: loginOption(input.loginWith), mfa: mfaOption(input.multifactor) };
    });
    const theirs = outcome(() => {
      const loginWith = {
        ...input.loginWith,
        ...(input.loginWith.externalProviders
          ? { externalProviders: { ...input.loginWith.externalProviders, domainPrefix: 'p' } }
          : {}),
      };
      const context = {
        'amplify-backend-namespace': 'n',
        'amplify-backend-name': 'b',
        'amplify-backend-type': 'sandbox',
      };
      return new AmplifyAuth(new Stack(new App({ context }), 's'), 'auth', { ...input, loginWith }).resources
        .cfnResources.cfnUserPool;
    });
    const [first] = (theirs.message ?? '').split('. ');
    assert.equal(
      ours.name === undefined,
      theirs.name === undefined,
      `${JSON.stringify(input)} ${ours.message} ${theirs.message}`,
    );
    assert.ok((ours.message ?? '').startsWith(first), `${ours.message} ${theirs.message}`);
    if (theirs.value && ours.value.login.email) {
      const template = theirs.value.verificationMessageTemplate;
      const { verificationBody, verificationStyle } = ours.value.login.email;
      assert.equal(
        verificationBody,
        verificationStyle === 'LINK' ? template.emailMessageByLink : template.emailMessage,
      );
    }
  }
});

test('backend.addOutput: merging', { skip }, async () => {
  const { ObjectAccumulator } = require('@aws-amplify/platform-core');
  const inputs = [
    [{ custom: { a: 1 } }, { custom: { b: 2 } }],
    [{ custom: { a: 1 } }, { custom: { a: 1 } }],
    [{ custom: { a: [1] } }, { custom: { a: [2, 3] } }],
    [{ custom: { a: [1] } }, { custom: { a: 2 } }],
    [{ version: '1' }, { version: '1.4' }],
    [{ version: '1.4' }, { version: '1.1' }],
    [{ version: '1' }, { version: '2' }],
    [{ custom: { a: { b: { c: 'x' } } } }, { custom: { a: { b: { d: 'y' } }, e: false } }],
    [{ custom: { a: { b: 1 } } }, { custom: { a: 'x' } }],
    [{ custom: { a: 'x' } }, { custom: { a: { b: 1 } } }],
    [{ custom: { a: false } }, { custom: { a: true } }],
    [{ custom: { a: null } }, { custom: { a: 'later' } }],
  ];
  const names = {
    ObjectAccumulatorPropertyAlreadyExistsError: 'OutputEntryAlreadyExistsError',
    ObjectAccumulatorVersionMismatchError: 'VersionMismatchError',
  };
  for (const parts of inputs) {
    const ours = outcome(() => {
      const outputs = new OutputParts();
      parts.forEach((part) => outputs.add(structuredClone(part), null));
      return outputs.merged;
    });
    const theirs = outcome(() => {
      const accumulator = new ObjectAccumulator({});
      parts.forEach((part) => {
        try {
          accumulator.accumulate(structuredClone({ version: '1.4', ...part }));
        } catch (error) {
          throw Object.assign(error, { name: names[error.constructor.name] });
        }
      });
      return accumulator.getAccumulatedObject();
    });
    assert.equal(ours.name, theirs.name, JSON.stringify(parts));
    assert.deepEqual(ours.value, theirs.value);
  }
});

test('names of variables', { skip }, () => {
  const { NamingConverter } = require('@aws-amplify/platform-core');
  for (const name of [
    'amplifyAuth_USERPOOL_ID',
    'myAppStorage',
    'bucket2',
    'photos2Big',
    'ABCDef',
    'with-dash and space',
    'x1y22Z',
    'amplifyDatashopApi',
    'HTTPServer9',
    'a__b',
    'snake_case9x',
  ]) {
    assert.equal(screamingSnake(name), new NamingConverter().toScreamingSnakeCase(name), name);
  }
});
