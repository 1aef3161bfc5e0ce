// Overrides of auth that the server acts on.
import { statementsOf } from './iam.mjs';

/** @typedef {import('./overrides.mjs').Rule} Rule */

/** @type {Record<string, string>} CloudFormation's words -> the manifest's */
const policyWords = {
  minimumLength: 'minLength',
  requireLowercase: 'requireLowercase',
  requireUppercase: 'requireUppercase',
  requireNumbers: 'requireDigits',
  requireSymbols: 'requireSymbols',
  temporaryPasswordValidityDays: 'temporaryPasswordValidityDays',
  passwordHistorySize: 'passwordHistorySize',
};
const emptyPolicy = {
  minLength: 8,
  requireLowercase: false,
  requireUppercase: false,
  requireDigits: false,
  requireSymbols: false,
  temporaryPasswordValidityDays: 7,
};
const clientProperties = new Set(
  `explicitAuthFlows accessTokenValidity idTokenValidity refreshTokenValidity tokenValidityUnits enableTokenRevocation
  preventUserExistenceErrors callbackUrLs logoutUrLs allowedOAuthFlows allowedOAuthFlowsUserPoolClient allowedOAuthScopes
  supportedIdentityProviders authSessionValidity readAttributes writeAttributes defaultRedirectUri generateSecret
  refreshTokenRotation`.split(/\s+/),
);

/** @param {any} auth @param {string[]} path @param {any} value */
function passwordPolicy(auth, path, value) {
  const [, , leaf] = path;
  if (leaf !== undefined) {
    const word = policyWords[leaf];
    if (word !== undefined) {
      auth.passwordPolicy[word] = value;
    }
    return word !== undefined;
  }
  // A whole policy replaces the old one: what it does not name is off.
  const given = path.length === 1 ? value?.passwordPolicy : value;
  if (path.length === 1 && value?.signInPolicy !== undefined) {
    extra(auth, 'signInPolicy', ['signInPolicy'], value.signInPolicy);
  }
  if (path.length === 1 && given === undefined) {
    return true;
  }
  Object.assign(auth.passwordPolicy, emptyPolicy);
  for (const [key, item] of Object.entries(given ?? {})) {
    passwordPolicy(auth, ['policies', 'passwordPolicy', key], item);
  }
  return true;
}

/** @param {any} auth @param {any[]} list */
function schemaAttributes(auth, list) {
  for (const attribute of list) {
    const {
      name,
      required = false,
      mutable = true,
      attributeDataType: dataType = 'String',
      stringAttributeConstraints: text,
      numberAttributeConstraints: number,
    } = attribute;
    const standard = standardNames.get(name);
    if (standard !== undefined) {
      auth.userAttributes.standard[standard] = { required, mutable };
    } else {
      auth.userAttributes.custom[name] = {
        dataType,
        mutable,
        ...(text === undefined ? {} : { minLen: Number(text.minLength), maxLen: Number(text.maxLength) }),
        ...(number === undefined ? {} : { min: Number(number.minValue), max: Number(number.maxValue) }),
      };
    }
  }
}

const standardNames = new Map([
  ...'address birthdate email gender locale nickname website'.split(' ').map((name) => /** @type {const} */ ([name, name])),
  ['family_name', 'familyName'],
  ['given_name', 'givenName'],
  ['middle_name', 'middleName'],
  ['name', 'fullname'],
  ['phone_number', 'phoneNumber'],
  ['picture', 'profilePicture'],
  ['preferred_username', 'preferredUsername'],
  ['profile', 'profilePage'],
  ['updated_at', 'lastUpdateTime'],
  ['zoneinfo', 'timezone'],
]);

/** @param {any} auth @param {string[]} list */
function enabledMfas(auth, list) {
  Object.assign(auth.multifactor, {
    sms: list.includes('SMS_MFA'),
    totp: list.includes('SOFTWARE_TOKEN_MFA'),
    email: list.includes('EMAIL_OTP'),
  });
}

/** @type {Record<string, (auth: any, path: string[], value: any) => boolean | void>} */
const userPool = {
  policies: (auth, path, value) =>
    path[1] === 'signInPolicy'
      ? extra(auth, 'signInPolicy', path.slice(1), value)
      : path.length === 1 || path[1] === 'passwordPolicy'
        ? passwordPolicy(auth, path, value)
        : false,
  usernameAttributes: (auth, _, value) => void (auth.usernameAttributes = value ?? []),
  aliasAttributes: (auth, _, value) => void (auth.aliasAttributes = value ?? []),
  autoVerifiedAttributes: (auth, _, value) => void (auth.autoVerifiedAttributes = value ?? []),
  usernameConfiguration: (auth, path, value) =>
    void (auth.usernameCaseSensitive = path.length === 1 ? value?.caseSensitive === true : value === true),
  mfaConfiguration: (auth, _, value) => void (auth.multifactor.mode = value === 'ON' ? 'REQUIRED' : value),
  enabledMfas: (auth, _, value) => enabledMfas(auth, value ?? []),
  schema: (auth, path, value) => (path.length === 1 ? schemaAttributes(auth, value ?? []) : false),
  emailConfiguration: (auth, path, value) => extra(auth, 'emailConfiguration', path, value),
  smsConfiguration: (auth, path, value) => extra(auth, 'smsConfiguration', path, value),
  userPoolAddOns: (auth, path, value) => extra(auth, 'userPoolAddOns', path, value),
  adminCreateUserConfig: (auth, path, value) => {
    extra(auth, 'adminCreateUserConfig', path, value);
    auth.selfSignUp = auth.userPool.adminCreateUserConfig.allowAdminCreateUserOnly !== true;
  },
  lambdaConfig: (auth, path, value) => {
    extra(auth, 'lambdaConfig', path, value);
    configuredTriggers(auth);
  },
  verificationMessageTemplate: (auth, path, value) => extra(auth, 'verificationMessageTemplate', path, value),
  deviceConfiguration: (auth, path, value) => extra(auth, 'deviceConfiguration', path, value),
  accountRecoverySetting: (auth, path, value) => extra(auth, 'accountRecoverySetting', path, value),
  userAttributeUpdateSettings: (auth, path, value) => extra(auth, 'userAttributeUpdateSettings', path, value),
  deletionProtection: (auth, path, value) => extra(auth, 'deletionProtection', path, value),
  emailVerificationMessage: (auth, path, value) => extra(auth, 'emailVerificationMessage', path, value),
  emailVerificationSubject: (auth, path, value) => extra(auth, 'emailVerificationSubject', path, value),
  smsVerificationMessage: (auth, path, value) => extra(auth, 'smsVerificationMessage', path, value),
  smsAuthenticationMessage: (auth, path, value) => extra(auth, 'smsAuthenticationMessage', path, value),
  emailAuthenticationMessage: (auth, path, value) => extra(auth, 'emailAuthenticationMessage', path, value),
  emailAuthenticationSubject: (auth, path, value) => extra(auth, 'emailAuthenticationSubject', path, value),
  webAuthnRelyingPartyId: (auth, path, value) => extra(auth, 'webAuthnRelyingPartyId', path, value),
  webAuthnUserVerification: (auth, path, value) => extra(auth, 'webAuthnUserVerification', path, value),
};

/**
 * Keeps a part of the user pool in CloudFormation's own form.
 * @param {any} auth @param {string} key @param {string[]} path @param {any} value
 */
function extra(auth, key, path, value) {
  auth.userPool ??= {};
  if (path.length === 1) {
    auth.userPool[key] = value;
    return;
  }
  let at = (auth.userPool[key] ??= {});
  for (const part of path.slice(1, -1)) {
    at = at[part] ??= {};
  }
  at[path[path.length - 1] ?? ''] = value;
}

/**
 * Functions that CloudFormation's LambdaConfig names are triggers as any other.
 * @param {any} auth
 */
function configuredTriggers(auth) {
  const { kMSKeyID: key, ...config } = auth.userPool.lambdaConfig ?? {};
  if (key !== undefined) {
    auth.userPool.lambdaConfig = { ...config, kmsKeyId: key }; // CloudFormation's own name of it
  }
  for (const [event, value] of Object.entries(auth.userPool.lambdaConfig ?? {})) {
    const arn = event === 'preTokenGenerationConfig' ? value?.lambdaArn : value;
    const fn = /^\$\{amplify:function\.(.+)\.arn\}$/.exec(typeof arn === 'string' ? arn : '')?.[1];
    if (fn !== undefined) {
      auth.triggers[event.replace(/Config$/, '')] = fn;
    }
    const sender = /^custom(Email|S[mM][sS])Sender$/.exec(event)?.[1]?.toLowerCase();
    const sends = /^\$\{amplify:function\.(.+)\.arn\}$/.exec(/** @type {any} */ (value)?.lambdaArn ?? '')?.[1];
    if (sender !== undefined && sends !== undefined) {
      auth.senders = { ...auth.senders, [sender]: { function: sends, kmsKeyArn: null } };
    }
  }
}

/** @param {string} operation @returns {string} `POST_CONFIRMATION` or `postConfirmation` -> the latter */
function triggerEvent(operation) {
  return /^[A-Z_]+$/.test(operation) ? operation.toLowerCase().replace(/_(\w)/g, (_, c) => c.toUpperCase()) : operation;
}

/** @param {string} path */
function roleOf(path) {
  const group = /^resources\.groups\.(.+)\.role\./.exec(path)?.[1];
  return group === undefined
    ? path.includes('unauthenticated')
      ? 'unauthenticated'
      : 'authenticated'
    : `group:${group}`;
}

/** @type {Rule[]} */
export const authRules = [
  {
    cfn: 'auth.resources.cfnResources.cfnUserPool',
    property: ({ auth }, path, value) => {
      const apply = userPool[path[0] ?? ''];
      return apply !== undefined && apply(auth, path, value) !== false;
    },
  },
  {
    cfn: 'auth.resources.cfnResources.cfnUserPoolClient',
    property: ({ auth }, path, value) => {
      const [name = ''] = path;
      if (path.length === 1 && clientProperties.has(name)) {
        auth.client[name] = value;
        return true;
      }
      return (
        name === 'tokenValidityUnits' &&
        void (auth.client[name] = { ...auth.client[name], [path[1] ?? '']: value }) === undefined
      );
    },
  },
  {
    cfn: 'auth.resources.cfnResources.cfnIdentityPool',
    property: ({ auth }, [name], value) =>
      name === 'allowUnauthenticatedIdentities' && void (auth.guestAccess = value === true) === undefined,
  },
  {
    call: /^auth\.resources\.userPool\.addTrigger$/,
    apply: ({ auth }, op) => {
      const [operation, target] = op.args;
      const event = triggerEvent(
        String(operation?.$const ?? operation?.args?.[0] ?? '')
          .split('.')
          .pop() ?? '',
      );
      const fn = /^function\.(.+?)\.resources\.lambda$/.exec(target?.$ref ?? '')?.[1];
      if (fn === undefined || event === '') {
        return false;
      }
      auth.triggers[event.replace(/Config$/, '')] = fn;
      if (event === 'preTokenGenerationConfig') {
        const lambdaVersion = String(op.args[2]?.$const ?? '').split('.').pop() || 'V2_0';
        extra(auth, 'lambdaConfig', ['lambdaConfig', event], { lambdaVersion });
      }
      return true;
    },
  },
  {
    call: /^auth\.(resources\.(?:authenticatedUserIamRole|unauthenticatedUserIamRole|groups\..+\.role)\.(?:addToPrincipalPolicy|addToPolicy|attachInlinePolicy))$/,
    apply: ({ auth, constructs }, op, [, path = '']) => {
      const statements = statementsOf(op.args, constructs);
      auth.policies.push({ role: roleOf(path), statements });
      return statements.length > 0;
    },
  },
];
