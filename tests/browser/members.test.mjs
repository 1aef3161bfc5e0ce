// The Authenticator in pools that ask for more than a password: second factors, temporary passwords,
// codes and passkeys instead of passwords; and the account's settings.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../clients/lib/ampd.mjs';
import { copyProject } from '../clients/lib/project.mjs';
import { SCREENSHOTS, openWindow, startProject } from './lib.mjs';

const PROJECT = fileURLToPath(new URL('members', import.meta.url));
const BLOG = path.join(ROOT, 'examples/blog');
const PASSWORD = 'Corr3ct-horse!';

/** The page over one of the pools. */
const start = (pool) =>
  startProject(() => {
    const project = copyProject(PROJECT, BLOG);
    renameSync(path.join(project.folder, 'pools', pool), path.join(project.folder, 'amplify'));
    return project;
  });

async function visit(project) {
  const window = await openWindow(project);
  window.page.setDefaultTimeout(15_000);
  return window;
}

const button = ({ page }, name) => page.getByRole('button', { name, exact: true });
const shoot = ({ page }, name) => page.screenshot({ path: path.join(SCREENSHOTS, `members-${name}.png`), animations: 'disabled', fullPage: true });
const told = ({ page }, text) => page.getByRole('alert').filter({ hasText: text }).waitFor();
const isMember = (window) => window.page.getByRole('heading', { name: /^Hello / }).waitFor();
const heading = ({ page }, name) => page.getByRole('heading', { name }).waitFor();

async function close(window) {
  assert.deepEqual(window.problems, []);
  await window.context.close();
}

/** The six digits of RFC 6238 for a secret in base32, `steps` of 30 s from now. */
function totp(secret, steps = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
}

const code = (window, value) => window.page.getByLabel('Code *', { exact: true }).fill(value);

const require = createRequire(path.join(BLOG, 'package.json'));

/** What an administrator does, with an access key that may do that. */
async function administer(project, operation, input) {
  const sdk = require('@aws-sdk/client-cognito-identity-provider');
  const { accessKeyId, secretAccessKey } = project.key(`cognito-idp:${operation}`);
  const client = new sdk.CognitoIdentityProviderClient({ region: 'us-east-1', endpoint: project.origin, credentials: { accessKeyId, secretAccessKey } });
  return client.send(new sdk[`${operation}Command`]({ UserPoolId: project.outputs.auth.user_pool_id, ...input }));
}

/** Creates an account in the Authenticator up to the code that confirms it. */
async function joined(project, number) {
  const window = await visit(project);
  await window.page.getByRole('tab', { name: 'Create Account' }).click();
  await window.page.getByLabel('Phone Number').fill(number);
  await window.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await window.page.getByLabel('Confirm Password').fill(PASSWORD);
  await button(window, 'Create Account').click();
  await window.page.getByLabel('Confirmation Code').fill((await project.mail(`+1${number}`)).code);
  await button(window, 'Confirm').click();
  return window;
}

async function signIn(window, number, password = PASSWORD) {
  await window.page.getByLabel('Phone Number').fill(number);
  await window.page.getByLabel('Password', { exact: true }).fill(password);
  await window.page.getByRole('tabpanel').getByRole('button', { name: 'Sign in', exact: true }).click();
}

async function choose(window, factor) {
  await heading(window, 'Multi-Factor Authentication Setup');
  await window.page.getByText(factor).click();
  await button(window, 'Confirm').click();
}

describe('a second factor is required', () => {
  let project;
  before(async () => {
    project = await start('strict');
  });
  after(() => project?.stop());

  test('by e-mail, whose address is proved by the first code', async () => {
    const window = await joined(project, '5550001');
    await choose(window, 'Email Message');
    await heading(window, 'Setup Email');
    await window.page.getByLabel('Email').fill('ann@example.com');
    await shoot(window, 'setup-email');
    await button(window, 'Confirm').click();
    await heading(window, 'Confirm Email Code');
    const sent = (await project.mail('ann@example.com')).code;
    await code(window, sent === '123456' ? '654321' : '123456');
    await button(window, 'Confirm').click();
    await told(window, 'The verification code you entered is incorrect.');
    await code(window, sent);
    await button(window, 'Confirm').click();
    await isMember(window);
    const known = await window.page.evaluate(async () => [await globalThis.auth.fetchUserAttributes(), await globalThis.auth.fetchMFAPreference()]);
    assert.equal(known[0].email_verified, 'true');
    assert.deepEqual(known[1].enabled, ['EMAIL']);

    await button(window, 'Sign out').click();
    await signIn(window, '5550001');
    await heading(window, 'Confirm Email Code');
    await code(window, (await project.mail('ann@example.com')).code);
    await shoot(window, 'email-code');
    await button(window, 'Confirm').click();
    await isMember(window);
    await close(window);
  });

  test('by an authenticator app that reads the picture', async () => {
    const window = await joined(project, '5550002');
    await choose(window, 'Authenticator App');
    await heading(window, 'Setup TOTP');
    await window.page.getByAltText('qr code').waitFor();
    const secret = await window.page.locator('[data-amplify-copy] > div, [data-amplify-copy]').first().innerText();
    await shoot(window, 'setup-totp');
    const key = secret.match(/[A-Z2-7]{16,}/)[0];
    await code(window, totp(key));
    await button(window, 'Confirm').click();
    await isMember(window);

    await button(window, 'Sign out').click();
    await signIn(window, '5550002');
    await heading(window, 'Confirm TOTP Code');
    const wrong = String((Number(totp(key)) + 1) % 1e6).padStart(6, '0');
    await code(window, wrong);
    await button(window, 'Confirm').click();
    await told(window, 'Invalid code received for user');
    await code(window, totp(key, 1));
    await button(window, 'Confirm').click();
    await isMember(window);
    await close(window);
  });

  test('by the one of two that is chosen', async () => {
    const window = await joined(project, '5550006');
    await choose(window, 'Email Message');
    await window.page.getByLabel('Email').fill('eve@example.com');
    await button(window, 'Confirm').click();
    await code(window, (await project.mail('eve@example.com')).code);
    await button(window, 'Confirm').click();
    await isMember(window);
    const secret = await window.page.evaluate(async () => (await globalThis.auth.setUpTOTP()).sharedSecret);
    await window.page.evaluate(async (code) => {
      await globalThis.auth.verifyTOTPSetup({ code });
      await globalThis.auth.updateMFAPreference({ totp: 'ENABLED', email: 'ENABLED' });
    }, totp(secret));

    await button(window, 'Sign out').click();
    await signIn(window, '5550006');
    await heading(window, 'Multi-Factor Authentication');
    await shoot(window, 'which');
    await window.page.getByText('Authenticator App').click();
    await button(window, 'Confirm').click();
    await heading(window, 'Confirm TOTP Code');
    await code(window, totp(secret, 1));
    await button(window, 'Confirm').click();
    await isMember(window);
    await close(window);
  });

  test('after the temporary password of who was invited, which is replaced first', async () => {
    await administer(project, 'AdminCreateUser', {
      Username: '+15550005', DesiredDeliveryMediums: ['SMS'],
      UserAttributes: [{ Name: 'phone_number', Value: '+15550005' }, { Name: 'phone_number_verified', Value: 'true' }],
    });
    const invitation = await project.mail('+15550005');
    const temporary = invitation.text.match(/password is (\S+)$/)[1].replace(/\.$/, '');
    const window = await visit(project);
    await signIn(window, '5550005', temporary);
    await heading(window, 'Change Password');
    await window.page.getByLabel('Password', { exact: true }).fill('short');
    await window.page.getByLabel('Confirm Password').fill('short');
    await window.page.getByText('Password must have at least 8 characters').waitFor();
    await shoot(window, 'new-password');
    await window.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await window.page.getByLabel('Confirm Password').fill(PASSWORD);
    await button(window, 'Change Password').click();
    await choose(window, 'Email Message');
    await window.page.getByLabel('Email').fill('dan@example.com');
    await button(window, 'Confirm').click();
    await code(window, (await project.mail('dan@example.com')).code);
    await button(window, 'Confirm').click();
    await isMember(window);
    await close(window);
  });
});

describe('passwords are not needed', () => {
  let project;
  before(async () => {
    project = await start('open');
  });
  after(() => project?.stop());

  /** The screen that lets one choose. */
  async function others(window, address) {
    await window.page.getByLabel('Email').fill(address);
    await button(window, 'Other sign-in options').click();
  }

  /** Chromium's authenticator of the machine. */
  async function plugIn(window) {
    const devtools = await window.context.newCDPSession(window.page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
  }

  test('one signs up without one, and makes a passkey', async () => {
    const window = await visit(project);
    await plugIn(window);
    await window.page.getByRole('tab', { name: 'Create Account' }).click();
    await window.page.getByLabel('Email').fill('bea@example.com');
    await window.page.getByLabel('Phone Number').fill('5550003');
    await window.page.getByLabel('Nickname').fill('Bea');
    await button(window, 'Create account with Email OTP').click();
    await window.page.getByText('We Sent A Code').waitFor(); // by SMS: who gives a number proves that
    await window.page.getByLabel('Confirmation Code').fill((await project.mail('+15550003')).code);
    await button(window, 'Confirm').click();
    await button(window, 'Create a Passkey').waitFor();
    await shoot(window, 'passkey');
    await button(window, 'Create a Passkey').click();
    await window.page.getByText('Passkey created successfully!').waitFor();
    await button(window, 'Continue').click();
    await isMember(window);

    await button(window, 'Sign out').click();
    await others(window, 'bea@example.com');
    await shoot(window, 'choose');
    await button(window, 'Sign In with Passkey').click();
    await isMember(window);

    // By each of the two codes.
    for (const [method, to] of [['Email', 'bea@example.com'], ['SMS', '+15550003']]) {
      await button(window, 'Sign out').click();
      await others(window, 'bea@example.com');
      await button(window, `Sign In with ${method}`).click();
      const mail = await project.mail(to);
      await code(window, mail.code === '12345678' ? '87654321' : '12345678');
      await button(window, 'Confirm').click();
      await told(window, 'The verification code you entered is incorrect.');
      await code(window, mail.code);
      await button(window, 'Confirm').click();
      await isMember(window);
    }
    await close(window);
  });

  test('with a password, which is changed, until the account is deleted', async () => {
    const window = await visit(project);
    await window.page.getByRole('tab', { name: 'Create Account' }).click();
    await window.page.getByLabel('Email').fill('cy@example.com');
    await window.page.getByLabel('Phone Number').fill('5550004');
    await window.page.getByLabel('Nickname').fill('Cy');
    await window.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await window.page.getByLabel('Confirm Password').fill(PASSWORD);
    await button(window, 'Create account with Password').click();
    await window.page.getByLabel('Confirmation Code').fill((await project.mail('+15550004')).code);
    await button(window, 'Confirm').click();
    await button(window, 'Continue without a Passkey').click();
    await isMember(window);

    const next = `${PASSWORD}2`;
    const change = async (current, wanted) => {
      await window.page.getByLabel('Current Password', { exact: true }).fill(current);
      await window.page.getByLabel('New Password', { exact: true }).fill(wanted);
      await window.page.getByLabel('Confirm Password', { exact: true }).fill(wanted);
      await button(window, 'Update password').click();
    };
    await change('Wr0ng-horse!', next);
    await told(window, 'Incorrect username or password.');
    await change(PASSWORD, next);
    await window.page.getByText('The password is changed').waitFor();
    await shoot(window, 'settings');

    await button(window, 'Sign out').click();
    await others(window, 'cy@example.com');
    await window.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await button(window, 'Sign In with Password').click();
    await told(window, 'Incorrect username or password.');
    await window.page.getByLabel('Password', { exact: true }).fill(next);
    await button(window, 'Sign In with Password').click();
    await isMember(window);
    await button(window, 'Delete Account').click();
    await shoot(window, 'delete');
    await button(window, 'Delete').click();
    await window.page.getByRole('tab', { name: 'Create Account' }).waitFor(); // who is gone is signed out
    await others(window, 'cy@example.com');
    await window.page.getByLabel('Password', { exact: true }).fill(next);
    await button(window, 'Sign In with Password').click();
    await told(window, 'Incorrect username or password.');
    await close(window);
  });

  test('whose addresses nobody has proved is asked to', async () => {
    const Username = 'flo@example.com';
    await administer(project, 'AdminCreateUser', {
      Username, MessageAction: 'SUPPRESS',
      UserAttributes: [{ Name: 'email', Value: Username }, { Name: 'nickname', Value: 'Flo' }],
    });
    await administer(project, 'AdminSetUserPassword', { Username, Password: PASSWORD, Permanent: true });
    const window = await visit(project);
    await others(window, Username);
    await window.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await button(window, 'Sign In with Password').click();
    await heading(window, 'Account recovery requires verified contact information');
    await window.page.getByText('Email: f').click();
    await shoot(window, 'verify');
    await button(window, 'Verify').click();
    await code(window, (await project.mail(Username)).code);
    await button(window, 'Submit').click();
    await isMember(window);
    const attributes = await window.page.evaluate(() => globalThis.auth.fetchUserAttributes());
    assert.equal(attributes.email_verified, 'true');
    await close(window);
  });
});
