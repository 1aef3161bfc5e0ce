// defineAuth and referenceAuth.
import { checkBuild, checkCall } from './auth_checks.mjs';
import {
  attributesOption,
  clientOption,
  loginOption,
  mfaOption,
  passwordlessOption,
  recoveryOption,
} from './auth_options.mjs';
import { checkPlace } from './data.mjs';
import { DefinitionError, positioned } from './errors.mjs';
import { functionOf } from './function.mjs';
import { checkResourceName, screamingSnake } from './names.mjs';
import { resource } from './recorder.mjs';
import { position, warn } from './state.mjs';

/** @typedef {import('./backend.mjs').Backend} Backend */

const defaultName = 'amplifyAuth';
const actions = new Set(
  `manageUsers manageGroupMembership manageGroups manageUserDevices managePasswordRecovery addUserToGroup createUser
  deleteUser deleteUserAttributes disableUser enableUser forgetDevice getDevice getUser listDevices listGroupsForUser
  listUsers listUsersInGroup removeUserFromGroup resetUserPassword setUserMfaPreference setUserPassword setUserSettings
  updateDeviceStatus updateUserAttributes listGroups createGroup deleteGroup getGroup updateGroup manageProviderForUser`.split(
    /\s+/,
  ),
);
const triggerEvents = new Set([
  'createAuthChallenge',
  'customMessage',
  'defineAuthChallenge',
  'postAuthentication',
  'postConfirmation',
  'preAuthentication',
  'preSignUp',
  'preTokenGeneration',
  'userMigration',
  'verifyAuthChallengeResponse',
]);
let count = 0;

/** @typedef {{fn: any, actions: string[]}} Access */

const accessBuilder = {
  resource: (/** @type {any} */ fn) => ({ to: (/** @type {string[]} */ list) => ({ fn, actions: list }) }),
};

export class AuthFactory {
  /** @param {any} props @param {string} importer @param {'define' | 'reference'} kind */
  constructor(props, importer, kind) {
    this.provides = 'AuthResources';
    this.props = props ?? {};
    this.importer = importer;
    this.kind = kind;
    this.at = position();
    if (count++ > 0) {
      throw new DefinitionError(
        'MultipleSingletonResourcesError',
        'Multiple `defineAuth` or `referenceAuth` calls are not allowed within an Amplify backend',
        'Remove all but one `defineAuth` or `referenceAuth` call',
        this.at,
      );
    }
    if (kind === 'define') {
      checkCall(this.props, this.at);
    }
    /** @type {any} */
    this.instance = null;
    /** @type {any} the manifest's part */
    this.result = null;
  }

  /** Names of the groups, or null when any name may be one. */
  groupNames() {
    const { groups } = this.props;
    return Array.isArray(groups) ? groups : groups ? Object.keys(groups) : [];
  }

  /** @param {{backend: Backend}} context */
  getInstance({ backend }) {
    if (this.instance === null) {
      positioned(this.at, () => this.build(backend));
    }
    return this.instance;
  }

  /** @param {Backend} backend */
  build(backend) {
    checkPlace(this, 'auth', 'Amplify Auth must be defined in amplify/auth/resource.ts');
    backend.auth = this;
    backend.stackFor('auth');
    const name = this.kind === 'define' ? (this.props.name ?? defaultName) : defaultName;
    checkResourceName(name);
    this.result = this.kind === 'define' ? this.defined(name, backend) : this.referenced(name);
    this.instance = resource('auth', this.shapes());
    const access = this.props.access ? this.props.access(accessBuilder) : [];
    this.result.access = access.map((/** @type {Access} */ item) => this.grantAccess(item, name, backend));
  }

  /** @param {string} name @param {Backend} backend */
  defined(name, backend) {
    const { props } = this;
    checkBuild(props);
    return {
      kind: 'define',
      name,
      loginWith: loginOption(props.loginWith),
      userAttributes: attributesOption(props.userAttributes, props.loginWith),
      multifactor: mfaOption(props.multifactor),
      accountRecovery: recoveryOption(props),
      groups: this.groupNames().map((group, index) => ({ name: group, precedence: index })),
      passwordless: passwordlessOption(props),
      triggers: this.triggers(backend),
      access: [],
      senders: sendersOption(props.senders, backend),
      passwordPolicy: {
        minLength: 8,
        requireLowercase: true,
        requireUppercase: true,
        requireDigits: true,
        requireSymbols: true,
        temporaryPasswordValidityDays: 7,
      },
      usernameAttributes: [
        ...(props.loginWith.email ? ['email'] : []),
        ...(props.loginWith.phone ? ['phone_number'] : []),
      ],
      aliasAttributes: [],
      autoVerifiedAttributes: [
        ...(props.loginWith.email ? ['email'] : []),
        ...(props.loginWith.phone ? ['phone_number'] : []),
      ],
      usernameCaseSensitive: false,
      selfSignUp: true,
      guestAccess: true,
      client: clientOption(props),
      reference: null,
    };
  }

  /** @param {string} name */
  referenced(name) {
    const { props } = this;
    warn(
      `referenceAuth names the user pool ${props.userPoolId}; this backend takes over its ids but none of its users`,
      'Import the users, or let them sign up here',
      this.at,
    );
    const { userPoolId, identityPoolId, userPoolClientId, authRoleArn, unauthRoleArn } = props;
    const base = this.defaults(name);
    return {
      ...base,
      kind: 'reference',
      groups: this.groupNames().map((group, index) => ({ name: group, precedence: index })),
      reference: {
        userPoolId,
        identityPoolId,
        userPoolClientId,
        authRoleArn,
        unauthRoleArn,
        groups: props.groups ?? {},
      },
    };
  }

  /** @param {string} name */
  defaults(name) {
    const stub = Object.create(this);
    stub.props = { loginWith: { email: true } };
    return stub.defined(name, null);
  }

  /** @param {Backend} backend */
  triggers(backend) {
    const given = Object.entries(this.props.triggers ?? {});
    const unknown = given.find(([event]) => !triggerEvents.has(event));
    if (unknown !== undefined) {
      throw new DefinitionError(
        'Error',
        `Unknown auth trigger '${unknown[0]}'`,
        `Use one of ${[...triggerEvents].join(', ')}`,
      );
    }
    return Object.fromEntries(given.map(([event, fn]) => [event, functionOf(fn, backend, `the trigger ${event}`).key]));
  }

  /** @param {Access} item @param {string} name @param {Backend} backend */
  grantAccess(item, name, backend) {
    const unknown = item.actions.find((action) => !actions.has(action));
    if (unknown !== undefined) {
      throw new DefinitionError('Error', `Unknown auth action '${unknown}'`, `Use some of ${[...actions].join(', ')}`);
    }
    const fn = functionOf(item.fn, backend, 'allow.resource(...) of auth');
    fn.grant(
      { resource: 'auth', name, path: null, actions: item.actions },
      { [`${screamingSnake(name)}_USERPOOL_ID`]: '${amplify:auth.userPoolId}' },
    );
    return { function: fn.key, actions: item.actions };
  }

  /** What lists have, and what properties hold before an override. */
  shapes() {
    const { result } = this;
    const external = result.loginWith.externalProviders;
    return {
      'resources.groups': { keys: () => this.groupNames() },
      'resources.cfnResources.cfnUserPool': {
        seeds: {
          usernameAttributes: [...result.usernameAttributes],
          autoVerifiedAttributes: [...result.autoVerifiedAttributes],
        },
      },
      'resources.cfnResources.cfnUserPoolClient': {
        seeds: {
          explicitAuthFlows: [...result.client.explicitAuthFlows],
          ...(external === null
            ? {}
            : {
                callbackUrLs: [...external.callbackUrls],
                logoutUrLs: [...external.logoutUrls],
                allowedOAuthFlows: ['code'],
                allowedOAuthScopes: [...external.scopes],
              }),
        },
      },
      'resources.cfnResources.cfnIdentityPool': { seeds: { allowUnauthenticatedIdentities: true } },
    };
  }
}

/** @param {any} senders @param {Backend} backend */
function sendersOption(senders, backend) {
  const one = (/** @type {any} */ sender, /** @type {string} */ kind) => {
    if (!sender) {
      return null;
    }
    if ('handler' in sender) {
      return {
        function: functionOf(sender.handler, backend, `senders.${kind}.handler`).key,
        kmsKeyArn: sender.kmsKeyArn ?? null,
      };
    }
    return { function: null, ...sender };
  };
  return { email: one(senders?.email, 'email'), sms: one(senders?.sms, 'sms') };
}
