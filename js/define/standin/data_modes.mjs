// Authorization modes of defineData: the original's rules for the default, and the API-key trap.
import { DefinitionError } from './errors.mjs';
import { functionOf } from './function.mjs';
import { warn } from './state.mjs';

/** @typedef {import('./backend.mjs').Backend} Backend */

/** @type {Record<string, string>} the options' words -> the manifest's */
const words = {
  iam: 'iam',
  identityPool: 'iam',
  userPool: 'userPool',
  oidc: 'oidc',
  apiKey: 'apiKey',
  lambda: 'lambda',
};

/** @param {any} modes @param {boolean} hasAuth */
function defaultMode(modes, hasAuth) {
  if (modes?.defaultAuthorizationMode) {
    return modes.defaultAuthorizationMode;
  }
  if (modes === undefined) {
    return hasAuth ? 'userPool' : 'apiKey';
  }
  if (!hasAuth && Object.keys(modes).length === 1) {
    const only = ['oidc', 'lambda', 'apiKey'].find((mode) => modes[`${mode}AuthorizationMode`]);
    if (only !== undefined) {
      return only;
    }
  }
  throw new DefinitionError(
    'DefineDataConfigurationError',
    'A defaultAuthorizationMode is required if multiple authorization modes are configured',
    "When calling 'defineData' specify 'authorizationModes.defaultAuthorizationMode'",
  );
}

/** @param {any} oidc */
function oidcMode(oidc) {
  return {
    providerName: oidc.oidcProviderName ?? null,
    issuerUrl: oidc.oidcIssuerUrl,
    clientId: oidc.clientId ?? null,
    tokenExpiryFromAuthInSeconds: oidc.tokenExpiryFromAuthInSeconds ?? null,
    tokenExpireFromIssueInSeconds: oidc.tokenExpireFromIssueInSeconds ?? null,
  };
}

/** @param {any} lambda @param {Backend} backend */
function lambdaMode(lambda, backend) {
  return {
    function: functionOf(lambda.function, backend, 'lambdaAuthorizationMode.function').key,
    timeToLiveInSeconds: lambda.timeToLiveInSeconds ?? 60,
  };
}

/**
 * Rules for API keys without such a mode stop the original with an error; here a key is made, so that the project
 * runs, and the developer is told.
 * @param {string} sdl
 */
function wantsApiKey(sdl) {
  const rules = [...sdl.matchAll(/@auth\s*\(([^@]*)/g)].flatMap((auth) => (auth[1] ?? '').match(/\{[^{}]*\}/g) ?? []);
  return rules.some(
    (rule) => /provider:\s*apiKey\b/.test(rule) || (/allow:\s*public\b/.test(rule) && !/provider:/.test(rule)),
  );
}

/**
 * @param {any} modes option of defineData
 * @param {string} sdl
 * @param {Backend} backend
 * @param {import('./state.mjs').Position | null} at
 */
export function authorizationModes(modes, sdl, backend, at) {
  const hasAuth = backend.auth !== null;
  const chosen = defaultMode(modes, hasAuth);
  const first = words[chosen];
  if (first === undefined) {
    throw new DefinitionError(
      'InvalidSchemaAuthError',
      `Unknown defaultAuthorizationMode '${chosen}'`,
      `Use one of ${Object.keys(words).join(', ')}`,
    );
  }
  let apiKey = modes?.apiKeyAuthorizationMode || first === 'apiKey' ? keyMode(modes?.apiKeyAuthorizationMode) : null;
  if (apiKey === null && wantsApiKey(sdl)) {
    apiKey = keyMode(undefined);
    warn(
      'The schema has rules for API keys, but authorizationModes has no API key; Amplify refuses to deploy this. A key of 7 days is made',
      'Add apiKeyAuthorizationMode: { expiresInDays: 30 } to authorizationModes in defineData',
      at,
    );
  }
  const lambda = modes?.lambdaAuthorizationMode ? lambdaMode(modes.lambdaAuthorizationMode, backend) : null;
  const oidc = modes?.oidcAuthorizationMode ? oidcMode(modes.oidcAuthorizationMode) : null;
  const all = [
    first,
    ...(hasAuth ? ['userPool'] : []),
    'iam',
    ...(apiKey ? ['apiKey'] : []),
    ...(lambda ? ['lambda'] : []),
    ...(oidc ? ['oidc'] : []),
  ];
  return { default: first, modes: [...new Set(all)], apiKey, lambda, oidc };
}

/** @param {any} key */
function keyMode(key) {
  return { expiresInDays: key?.expiresInDays ?? 7, description: key?.description ?? null };
}
