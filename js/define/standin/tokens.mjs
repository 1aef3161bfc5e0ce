// Texts known only at run time are handed to definitions as `${amplify:...}` tokens. They are ordinary strings, so
// they survive template literals and concatenation; the server substitutes them late.
import { fullPath } from './recorder.mjs';

/** @typedef {import('./recorder.mjs').Meta} Meta */

/** Full path of a resource's property -> token. `*` stands for one name, carried over to the token's `*`. */
/** @type {[string, string][]} */
const paths = [
  ['auth.resources.userPool.userPoolId', 'auth.userPoolId'],
  ['auth.resources.cfnResources.cfnUserPool.ref', 'auth.userPoolId'],
  ['auth.resources.cfnResources.cfnUserPool.attrUserPoolId', 'auth.userPoolId'],
  ['auth.resources.userPool.userPoolArn', 'auth.userPoolArn'],
  ['auth.resources.cfnResources.cfnUserPool.attrArn', 'auth.userPoolArn'],
  ['auth.resources.userPool.userPoolProviderName', 'auth.userPoolProviderName'],
  ['auth.resources.userPool.userPoolProviderUrl', 'auth.userPoolProviderUrl'],
  ['auth.resources.userPoolClient.userPoolClientId', 'auth.userPoolClientId'],
  ['auth.resources.cfnResources.cfnUserPoolClient.ref', 'auth.userPoolClientId'],
  ['auth.resources.cfnResources.cfnUserPoolClient.attrClientId', 'auth.userPoolClientId'],
  ['auth.resources.identityPoolId', 'auth.identityPoolId'],
  ['auth.resources.cfnResources.cfnIdentityPool.ref', 'auth.identityPoolId'],
  ['auth.resources.cfnResources.cfnIdentityPool.attrId', 'auth.identityPoolId'],
  ['auth.resources.authenticatedUserIamRole.roleArn', 'auth.authenticatedRoleArn'],
  ['auth.resources.authenticatedUserIamRole.roleName', 'auth.authenticatedRoleName'],
  ['auth.resources.unauthenticatedUserIamRole.roleArn', 'auth.unauthenticatedRoleArn'],
  ['auth.resources.unauthenticatedUserIamRole.roleName', 'auth.unauthenticatedRoleName'],
  ['auth.resources.groups.*.role.roleArn', 'auth.group.*.roleArn'],
  ['auth.resources.groups.*.role.roleName', 'auth.group.*.roleName'],
  ['data.apiId', 'data.apiId'],
  ['data.resources.graphqlApi.apiId', 'data.apiId'],
  ['data.resources.cfnResources.cfnGraphqlApi.attrApiId', 'data.apiId'],
  ['data.resources.graphqlApi.arn', 'data.apiArn'],
  ['data.resources.cfnResources.cfnGraphqlApi.attrArn', 'data.apiArn'],
  ['data.graphqlUrl', 'data.graphqlUrl'],
  ['data.resources.graphqlApi.graphqlUrl', 'data.graphqlUrl'],
  ['data.resources.cfnResources.cfnGraphqlApi.attrGraphQlUrl', 'data.graphqlUrl'],
  ['data.realtimeUrl', 'data.realtimeUrl'],
  ['data.resources.cfnResources.cfnGraphqlApi.attrRealtimeUrl', 'data.realtimeUrl'],
  ['data.apiKey', 'data.apiKey'],
  ['data.resources.cfnResources.cfnApiKey.attrApiKey', 'data.apiKey'],
  ['data.resources.tables.*.tableName', 'data.table.*.name'],
  ['data.resources.tables.*.tableArn', 'data.table.*.arn'],
  ['data.resources.tables.*.tableStreamArn', 'data.table.*.streamArn'],
  ['data.resources.cfnResources.amplifyDynamoDbTables.*.tableName', 'data.table.*.name'],
  ['data.resources.cfnResources.amplifyDynamoDbTables.*.tableArn', 'data.table.*.arn'],
  ['storage.*.resources.bucket.bucketName', 'storage.*.bucketName'],
  ['storage.*.resources.cfnResources.cfnBucket.ref', 'storage.*.bucketName'],
  ['storage.*.resources.bucket.bucketArn', 'storage.*.bucketArn'],
  ['storage.*.resources.cfnResources.cfnBucket.attrArn', 'storage.*.bucketArn'],
  ['storage.*.resources.bucket.bucketDomainName', 'storage.*.bucketDomainName'],
  ['storage.*.resources.bucket.bucketRegionalDomainName', 'storage.*.bucketDomainName'],
  ['function.*.resources.lambda.functionName', 'function.*.name'],
  ['function.*.resources.cfnResources.cfnFunction.ref', 'function.*.name'],
  ['function.*.resources.lambda.functionArn', 'function.*.arn'],
  ['function.*.resources.cfnResources.cfnFunction.attrArn', 'function.*.arn'],
  ['function.*.resources.lambda.role.roleArn', 'function.*.roleArn'],
  ['function.*.resources.lambda.role.roleName', 'function.*.roleName'],
  ['function.*.resources.lambda.addFunctionUrl()#N.url', 'function.*.url'],
];

/** @type {[RegExp, string][]} */
const table = paths.map(([path, token]) => {
  const pattern = path.replace(/[.()]/g, '\\$&').replace('*', '(.+)').replace('#N', '#\\d+');
  return [new RegExp(`^${pattern}$`), token];
});

const stackWords = new Map([
  ['region', 'region'],
  ['account', 'account'],
  ['partition', 'partition'],
  ['urlSuffix', 'urlSuffix'],
  ['stackName', 'stackName'],
  ['stackId', 'stackId'],
]);

/** @param {Meta} meta */
function isStack(meta) {
  const { root } = meta;
  return root.ref === 'stack' || root.ref.startsWith('stack:') || /\.Stack$/.test(root.name);
}

/**
 * Whether reading this property of a resource or construct gives a text on AWS, so that code may treat it as one.
 * @param {Meta} meta
 * @param {string} prop
 */
export function isTextProperty(meta, prop) {
  if (stackWords.has(prop) && (isStack(meta) || /(^|\.)(stack|env)$/.test(meta.path))) {
    return true;
  }
  // Names of methods that end like those of texts: addFunctionUrl, urlForPath, grantRef.
  if (/^(add|get|set|grant|from|to|with|create|make|apply|format|override|allocate|find|try|is|has)[A-Z]/.test(prop)) {
    return false;
  }
  if (meta.root.kind === 'value' && !meta.root.made) {
    return /(Arn|Name|Id|Url)$/.test(prop);
  }
  return (
    /[a-z](Arn|Name|Id|Url|Uri|Ref|Endpoint)$/.test(prop) || /^(ref|url|arn|apiId|apiKey|attr[A-Z]\w*)$/.test(prop)
  );
}

/** @param {Meta} meta */
export function tokenFor(meta) {
  const path = fullPath(meta);
  const last = meta.path.split('.').pop() ?? '';
  const word = stackWords.get(last);
  if (word !== undefined && (isStack(meta) || /(^|\.)(stack|env)\.\w+$/.test(meta.path))) {
    return `\${amplify:${word}}`;
  }
  for (const [pattern, token] of table) {
    const match = pattern.exec(path);
    if (match !== null) {
      return `\${amplify:${token.replace('*', match[1] ?? '')}}`;
    }
  }
  return literalOf(meta) ?? `\${amplify:ref:${path}}`;
}

/**
 * What a construct of the CDK is asked for and is known all the same: the name that it was given, ampd's own KMS key.
 * @param {Meta} meta
 * @returns {string | null}
 */
function literalOf({ root, path }) {
  if (root.kind !== 'construct') {
    return null;
  }
  const word = /^(keyArn|attrArn)$/.test(path) ? 'keyArn' : /^(keyId|attrKeyId|ref)$/.test(path) ? 'keyId' : null;
  if (word !== null && /aws-kms\.(Key|CfnKey)$/.test(root.name)) {
    return `\${amplify:kms.${word}}`;
  }
  const [, , given] = root.args;
  if (/\.from\w+Arn$/.test(root.name)) {
    return /Arn$/.test(path) && typeof given === 'string' ? given : null;
  }
  const property = path === 'httpApiName' ? 'apiName' : path;
  const name = /^\w+Name$/.test(path) ? /** @type {any} */ (given)?.[property] : null;
  return typeof name === 'string' ? name : null;
}
