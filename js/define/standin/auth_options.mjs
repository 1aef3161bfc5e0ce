// The options of defineAuth in the manifest's form: message callbacks called, secrets as tokens, defaults filled in.
import { passwordless, refused } from './auth_checks.mjs';
import { secretText } from './secret.mjs';

const code = '{####}';
const user = '{username}';

/** @param {any} email */
function verificationBody(email) {
  const write = email.verificationEmailBody;
  if (typeof write !== 'function') {
    return null;
  }
  if (email.verificationEmailStyle !== 'LINK') {
    const body = write(() => code);
    if (!body.includes(code)) {
      throw refused(
        "Invalid email settings. Property 'verificationEmailBody' must utilize the 'code' parameter at least once as a placeholder for the verification code.",
      );
    }
    return body;
  }
  let link = '';
  const body = write(
    (/** @type {string | undefined} */ text) => (link = text ? `{##${text}##}` : '{##Verify Email##}'),
  );
  if (link === '' || !body.includes(link)) {
    throw refused(
      "Invalid email settings. Property 'verificationEmailBody' must utilize the 'link' parameter at least once as a placeholder for the verification link.",
    );
  }
  return body;
}

/** @param {any} invitation */
function invitationOption(invitation) {
  if (!invitation) {
    return null;
  }
  const text = (/** @type {any} */ write) =>
    typeof write === 'function'
      ? write(
          () => user,
          () => code,
        )
      : null;
  return {
    emailSubject: invitation.emailSubject ?? null,
    emailBody: text(invitation.emailBody),
    smsMessage: text(invitation.smsMessage),
  };
}

/** @param {any} given */
function emailOption(given) {
  if (!given) {
    return null;
  }
  const email = typeof given === 'object' ? given : {};
  const style = email.verificationEmailStyle ?? 'CODE';
  return {
    verificationStyle: style,
    verificationSubject: email.verificationEmailSubject ?? 'Verify your new account',
    verificationBody:
      verificationBody(email) ??
      (style === 'LINK'
        ? 'Verify your account by clicking on {##Verify Email##}'
        : `The verification code to your new account is ${code}`),
    invitation: invitationOption(email.userInvitation),
    otpLogin: email.otpLogin === true,
  };
}

/** @param {any} given */
function phoneOption(given) {
  if (!given) {
    return null;
  }
  const phone = typeof given === 'object' ? given : {};
  let message = `The verification code to your new account is ${code}`;
  if (typeof phone.verificationMessage === 'function') {
    message = phone.verificationMessage(() => code);
    if (!message.includes(code)) {
      throw refused(
        "Invalid phone settings. Property 'verificationMessage' must utilize the 'code' parameter at least once as a placeholder for the verification code.",
      );
    }
  }
  return { verificationMessage: message, otpLogin: phone.otpLogin === true };
}

/** @param {any} given */
function webAuthnOption(given) {
  if (!given) {
    return null;
  }
  const webAuthn = typeof given === 'object' ? given : {};
  return {
    relyingPartyId: webAuthn.relyingPartyId ?? 'AUTO',
    userVerification: webAuthn.userVerification ?? 'preferred',
  };
}

/**
 * @param {any} provider
 * @param {string[]} secrets options that may be secrets
 * @param {string | null} emailFrom the provider's attribute that the e-mail address is taken from by default
 */
function provider(provider, secrets, emailFrom) {
  if (!provider) {
    return null;
  }
  const { attributeMapping, ...rest } = provider;
  for (const key of secrets) {
    rest[key] = secretText(rest[key]);
  }
  return { ...rest, attributeMapping: { ...(emailFrom === null ? {} : { email: emailFrom }), ...attributeMapping } };
}

const oauthScopes = {
  PHONE: 'phone',
  EMAIL: 'email',
  OPENID: 'openid',
  PROFILE: 'profile',
  COGNITO_ADMIN: 'aws.cognito.signin.user.admin',
};

/** @param {any} loginWith */
function providersOption(loginWith) {
  const external = loginWith.externalProviders;
  if (!external) {
    return null;
  }
  const email = loginWith.email && !loginWith.phone ? 'email' : null;
  const keys = ['clientId', 'clientSecret'];
  const scopes = external.scopes ?? Object.keys(oauthScopes);
  return {
    google: provider(external.google, keys, email),
    facebook: provider(external.facebook, keys, email),
    loginWithAmazon: provider(external.loginWithAmazon, keys, email),
    signInWithApple: provider(external.signInWithApple, ['clientId', 'teamId', 'keyId', 'privateKey'], email),
    oidc: (external.oidc ?? []).map((/** @type {any} */ oidc) => ({
      attributeRequestMethod: 'GET',
      ...provider(oidc, keys, email),
    })),
    saml: provider(external.saml, [], null),
    scopes: scopes.map(
      (/** @type {string} */ scope) => /** @type {Record<string, string>} */ (oauthScopes)[scope] ?? scope,
    ),
    callbackUrls: external.callbackUrls ?? [],
    logoutUrls: external.logoutUrls ?? [],
    responseType: 'code',
  };
}

/** @param {any} loginWith */
export function loginOption(loginWith) {
  return {
    email: emailOption(loginWith.email),
    phone: phoneOption(loginWith.phone),
    webAuthn: webAuthnOption(loginWith.webAuthn),
    externalProviders: providersOption(loginWith),
  };
}

/** @param {any} attributes @param {any} loginWith */
export function attributesOption(attributes, loginWith) {
  /** @type {Record<string, any>} */
  const standard = {};
  /** @type {Record<string, any>} */
  const custom = {};
  const required = { required: true, mutable: true };
  for (const [key, on] of [
    ['email', loginWith.email],
    ['phoneNumber', loginWith.phone],
  ]) {
    if (on) {
      standard[key] = required;
    }
  }
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith('custom:')) {
      custom[key.slice('custom:'.length)] = { ...value, mutable: value.mutable ?? true };
    } else {
      standard[key] = { required: value.required ?? false, mutable: value.mutable ?? true };
    }
  }
  return { standard, custom };
}

/** @param {any} mfa */
export function mfaOption(mfa) {
  const mode = mfa?.mode ?? 'OFF';
  const on = mode !== 'OFF';
  let smsMessage = null;
  if (on && typeof mfa.sms === 'object') {
    smsMessage = mfa.sms.smsMessage(() => code);
    if (!smsMessage.includes(code)) {
      throw refused(
        "Invalid MFA settings. Property 'smsMessage' must utilize the 'code' parameter at least once as a placeholder for the verification code.",
      );
    }
  }
  return { mode, sms: on && !!mfa.sms, totp: on && !!mfa.totp, email: on && !!mfa.email, smsMessage };
}

/** @param {any} props */
export function recoveryOption(props) {
  return props.accountRecovery ?? (props.loginWith.email ? 'EMAIL_ONLY' : 'PHONE_ONLY_WITHOUT_MFA');
}

/** @param {any} props */
export function passwordlessOption(props) {
  const { emailOtp, smsOtp, webAuthn } = passwordless(props.loginWith);
  return { emailOtp, smsOtp, webAuthn, preferredChallenge: props.passwordlessOptions?.preferredChallenge ?? null };
}

/** @param {any} props */
export function clientOption(props) {
  const flows = ['ALLOW_CUSTOM_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'];
  return {
    explicitAuthFlows: passwordless(props.loginWith).any ? [...flows, 'ALLOW_USER_AUTH'] : flows,
    preventUserExistenceErrors: 'ENABLED',
  };
}
