// The checks of defineAuth, in the original's words.
import { DefinitionError } from './errors.mjs';

const domain = /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$/;

/** @param {any} loginWith */
export function passwordless(loginWith) {
  const emailOtp = typeof loginWith.email === 'object' && loginWith.email?.otpLogin === true;
  const smsOtp = typeof loginWith.phone === 'object' && loginWith.phone?.otpLogin === true;
  const webAuthn = !!loginWith.webAuthn;
  return { emailOtp, smsOtp, webAuthn, any: emailOtp || smsOtp || webAuthn };
}

/** @param {any} loginWith @param {any} multifactor */
function collect(loginWith, multifactor) {
  const errors = [];
  const { email, phone, webAuthn, externalProviders } = loginWith;
  if (!email && !phone && !externalProviders) {
    errors.push(
      'At least one authentication method must be enabled. Configure email, phone, or external providers in loginWith.',
    );
  }
  if (webAuthn && !email && !phone) {
    errors.push(
      'Passkeys (WebAuthn) require at least one sign-up method (email or phone). Add email or phone to loginWith configuration.',
    );
  }
  const id = typeof webAuthn === 'object' ? webAuthn?.relyingPartyId : undefined;
  if (id && id !== 'AUTO' && id !== 'localhost') {
    if (id.includes('://')) {
      errors.push(
        `Invalid relying party ID: "${id}". Must be a valid domain without protocol (e.g., "example.com"), "localhost" for development, or "AUTO".`,
      );
    } else if (!domain.test(id)) {
      errors.push(`Invalid relying party ID: "${id}". Must be a valid domain format.`);
    }
  }
  if (passwordless(loginWith).any && multifactor?.mode === 'REQUIRED') {
    errors.push(
      'Passwordless authentication (Email OTP, SMS OTP, WebAuthn) cannot be used when MFA is set to REQUIRED. Choose either passwordless authentication or MFA, not both.',
    );
  }
  return errors;
}

/**
 * What the original checks when defineAuth is called.
 * @param {any} props
 * @param {import('./state.mjs').Position | null} at
 */
export function checkCall(props, at) {
  const errors = collect(props.loginWith ?? {}, props.multifactor);
  if (errors.length > 0) {
    throw new DefinitionError(
      'InvalidPasswordlessConfigError',
      `Invalid passwordless authentication configuration: ${errors.join(' ')}`,
      'Fix the configuration errors listed above',
      at,
    );
  }
}

/** @param {string} message @param {string} [hint] */
export function refused(message, hint = 'See the options of defineAuth in the Amplify documentation') {
  return new DefinitionError('AmplifyAuthConstructInitializationError', message, hint);
}

/** @param {any} props */
function checkChallenge(props) {
  const wanted = props.passwordlessOptions?.preferredChallenge;
  const { emailOtp, smsOtp, webAuthn } = passwordless(props.loginWith);
  const enabled = [
    'PASSWORD',
    ...(emailOtp ? ['EMAIL_OTP'] : []),
    ...(smsOtp ? ['SMS_OTP'] : []),
    ...(webAuthn ? ['WEB_AUTHN'] : []),
  ];
  if (wanted && !enabled.includes(wanted)) {
    throw refused(
      `Preferred challenge "${wanted}" is not enabled in your authentication configuration. Enabled challenges: ${enabled.join(', ')}. This will result in a broken authentication flow in the frontend.`,
    );
  }
}

/** @param {any} senders */
function checkSenders(senders) {
  const { email, sms } = senders ?? {};
  if (email?.kmsKeyArn && sms?.kmsKeyArn && email.kmsKeyArn !== sms.kmsKeyArn) {
    throw refused('KMS key ARN must be the same for both email and sms senders');
  }
  if (sms && !('handler' in sms) && Boolean(sms.snsCallerArn) !== Boolean(sms.externalId)) {
    throw refused('Both externalId and snsCallerArn are required when providing a custom IAM role.');
  }
}

/**
 * What the original checks when it builds the user pool.
 * @param {any} props
 */
export function checkBuild(props) {
  const { email, phone, externalProviders } = props.loginWith;
  checkChallenge(props);
  if (!email && !phone) {
    throw refused('At least one of email or phone must be enabled.', 'Add email: true or phone: true to loginWith');
  }
  const { mode, sms } = props.multifactor ?? {};
  if (phone && mode && mode !== 'OFF' && !sms) {
    throw refused(
      'Invalid MFA settings. SMS must be enabled in multiFactor if loginWith phone is enabled',
      'Add sms: true to multifactor',
    );
  }
  checkSenders(props.senders);
  if (externalProviders?.logoutUrls?.length === 0) {
    throw refused(
      'You must define logoutUrls when configuring external login providers.',
      'Name at least one URL in logoutUrls',
    );
  }
  if (externalProviders?.callbackUrls?.length === 0) {
    throw refused(
      'You must define callbackUrls when configuring external login providers.',
      'Name at least one URL in callbackUrls',
    );
  }
}
