// Overrides of data, storage and functions that the server acts on.
import { eventRules, functionKey } from './event_sources.mjs';
import { statementsOf } from './iam.mjs';

/** @typedef {import('./overrides.mjs').Rule} Rule */

const apiProperties = new Set(['environmentVariables', 'queryDepthLimit', 'resolverCountLimit', 'introspectionConfig']);
const tableProperties = new Set([
  'timeToLiveAttribute',
  'streamSpecification',
  'deletionProtectionEnabled',
  'pointInTimeRecoveryEnabled',
  'pointInTimeRecoverySpecification',
]);

/** @type {Record<string, string>} */
const sourceKinds = {
  addDynamoDbDataSource: 'dynamodb',
  addHttpDataSource: 'http',
  addLambdaDataSource: 'lambda',
  addEventBridgeDataSource: 'eventbridge',
  addNoneDataSource: 'none',
  addOpenSearchDataSource: 'opensearch',
  addElasticsearchDataSource: 'elasticsearch',
  addRdsDataSource: 'rds',
};

/** @type {Rule[]} */
export const dataRules = [
  {
    call: /^data\.(add\w+DataSource)$/,
    apply: ({ data }, op, [, method = '']) => {
      const kind = sourceKinds[method];
      if (kind === undefined) {
        return false;
      }
      const [name, target, options] = op.args;
      data.dataSources.push({
        name,
        kind,
        endpoint: kind === 'http' ? target : null,
        function: kind === 'lambda' ? functionKey(target?.$ref ?? '') : null,
        target: kind === 'http' || kind === 'none' ? null : (target ?? null),
        options: (kind === 'none' ? target : options) ?? null,
      });
      return kind !== 'rds';
    },
  },
  {
    cfn: 'data.resources.cfnResources.cfnGraphqlApi',
    property: ({ data }, path, value) => {
      const [name = '', inner] = path;
      if (!apiProperties.has(name)) {
        return false;
      }
      data.api[name] = inner === undefined ? value : { ...data.api[name], [inner]: value };
      return true;
    },
  },
  {
    cfn: /^data\.resources\.cfnResources\.amplifyDynamoDbTables\.([^.]+)$/,
    property: ({ data }, path, value, [, model = '']) => {
      const [name = '', inner] = path;
      if (!tableProperties.has(name)) {
        return false;
      }
      const table = (data.tables[model] ??= {});
      table[name] = inner === undefined ? value : { ...table[name], [inner]: value };
      return true;
    },
  },
];

/** What Amplify's construct gives its buckets; addCorsRule adds behind it. */
const CORS = {
  allowedHeaders: ['*'],
  allowedMethods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
  allowedOrigins: ['*'],
  exposedHeaders: ['x-amz-server-side-encryption', 'x-amz-request-id', 'x-amz-id-2', 'ETag'],
  maxAge: 3000,
};

/** @type {Rule[]} */
export const storageRules = [
  {
    cfn: /^storage\.(.+)\.resources\.cfnResources\.cfnBucket$/,
    property: ({ storage }, path, value, [, name]) => {
      const bucket = storage.find((/** @type {any} */ item) => item.name === name);
      switch (path[0]) {
        case 'versioningConfiguration':
          bucket.versioned = (path.length === 1 ? value?.status : value) === 'Enabled';
          return true;
        case 'corsConfiguration':
          bucket.cors = path.length === 1 ? (value?.corsRules ?? []) : value;
          return true;
        case 'lifecycleConfiguration':
          bucket.lifecycle = path.length === 1 ? (value?.rules ?? []) : value;
          return true;
        default:
          return false;
      }
    },
  },
  {
    call: /^storage\.(.+)\.resources\.bucket\.(addCorsRule|addLifecycleRule|addEventNotification)$/,
    apply: ({ storage }, op, [, name, method]) => {
      const bucket = storage.find((/** @type {any} */ item) => item.name === name);
      if (method === 'addEventNotification') {
        const [event, target, ...filters] = op.args;
        bucket.notifications.push({
          event: String(event?.$const ?? event)
            .split('.')
            .pop(),
          function: functionKey(target?.args?.[0]?.$ref ?? ''),
          filters,
        });
      } else {
        if (method === 'addCorsRule' && bucket.cors.length === 0) bucket.cors.push(CORS);
        bucket[method === 'addCorsRule' ? 'cors' : 'lifecycle'].push(op.args[0]);
      }
      return true;
    },
  },
];

/**
 * The options of addFunctionUrl.
 * @param {any} options serialised
 */
export function urlOption({ authType, cors, invokeMode }) {
  const word = (/** @type {any} */ value, /** @type {string} */ fallback) =>
    String(value?.$const ?? value ?? fallback)
      .split('.')
      .pop();
  return { authType: word(authType, 'AWS_IAM'), cors: cors ?? null, invokeMode: word(invokeMode, 'BUFFERED') };
}

/**
 * Aliases that are constructs of their own: how many processes their function is to have ready.
 * @param {Record<string, any>} functions @param {any[]} constructs
 */
export function provisionAliases(functions, constructs) {
  for (const { type, args } of constructs) {
    const { version, provisionedConcurrentExecutions: count } = args?.[0] ?? {};
    const [, key] = /^function\.(.+?)\.resources\.lambda\./.exec(version?.$ref ?? '') ?? [];
    if (/^aws-cdk-lib\/aws-lambda\.Alias$/.test(type) && key !== undefined && typeof count === 'number') {
      functions[key].provisionedConcurrency = count;
    }
  }
}

/**
 * `key.grantDecrypt(fn)`: keys of the CDK are ampd's own key here.
 * @param {Record<string, any>} functions @param {any[]} constructs
 */
export function keyGrants(functions, constructs) {
  for (const { ops } of constructs.filter(({ type }) => /^aws-cdk-lib\/aws-kms\.Key$/.test(type))) {
    for (const { path, args } of ops) {
      const fn = functions[functionKey(args?.[0]?.$ref ?? '') ?? ''];
      const actions = path === 'grant' ? args.slice(1) : /^grant\w*Decrypt$/.test(path) ? ['kms:Decrypt'] : [];
      if (fn !== undefined && actions.length > 0) {
        fn.policies.push({ effect: 'Allow', actions, resources: ['${amplify:kms.keyArn}'], conditions: null });
      }
    }
  }
}

/** @type {Rule[]} */
export const functionRules = [
  ...eventRules,
  {
    call: /^function\.(.+?)\.(?:resources\.lambda\.)?addEnvironment$/,
    apply: ({ factories }, op, [, key = '']) => {
      factories.get(key)?.addEnvironment(op.args[0], op.args[1] ?? undefined);
      return true;
    },
  },
  {
    call: /^function\.(.+?)\.resources\.lambda\.(?:addToRolePolicy|role\.addToPrincipalPolicy|role\.attachInlinePolicy|role\.addToPolicy)$/,
    apply: ({ functions, constructs }, op, [, key = '']) => {
      const statements = statementsOf(op.args, constructs);
      functions[key].policies.push(...statements);
      return statements.length > 0;
    },
  },
  {
    call: /^function\.(.+?)\.resources\.lambda\.addFunctionUrl$/,
    apply: ({ functions }, op, [, key = '']) => {
      functions[key].url = urlOption(op.args[0] ?? {});
      return true;
    },
  },
  {
    call: /^function\.(.+?)\.resources\.lambda\.(?:currentVersion\.|latestVersion\.)?addAlias$/,
    apply: ({ functions }, op, [, key = '']) => {
      const count = op.args[1]?.provisionedConcurrentExecutions;
      if (typeof count === 'number') {
        functions[key].provisionedConcurrency = count;
      }
      return typeof count === 'number';
    },
  },
  {
    cfn: /^function\.(.+?)\.resources\.cfnResources\.cfnFunction$/,
    property: ({ functions }, path, value, [, key = '']) => {
      const word = /** @type {Record<string, string>} */ ({
        timeout: 'timeoutSeconds',
        memorySize: 'memoryMB',
        reservedConcurrentExecutions: 'reservedConcurrency',
      })[path[0] ?? ''];
      if (word === undefined || path.length > 1) {
        return false;
      }
      functions[key][word] = value;
      return true;
    },
  },
];
