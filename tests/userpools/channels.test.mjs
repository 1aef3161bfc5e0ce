// A pool whose users have an e-mail address, a phone number, or both, and no need of a password.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { address, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('both');
});
after(() => pool.end());

const client = async (operation, body) => {
  const answer = await pool.call(operation, { ClientId: pool.clientId, ...body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
};
const start = (USERNAME, more = {}) => client('InitiateAuth', { AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME, ...more } });

let phones = 0;
const phone = () => `+1558${String(process.pid % 10000).padStart(4, '0')}${String(++phones).padStart(3, '0')}`;

test('of two addresses the phone is proven first, and the other is told to be unproven', async () => {
  const Username = address('both');
  const number = phone();
  const UserAttributes = [{ Name: 'email', Value: Username }, { Name: 'phone_number', Value: number }];
  const { CodeDeliveryDetails } = await client('SignUp', { Username, UserAttributes });
  assert.equal(CodeDeliveryDetails.AttributeName, 'phone_number');
  const { Session } = await client('ConfirmSignUp', { Username, ConfirmationCode: (await pool.mail(number)).code });
  const { AuthenticationResult: { AccessToken, IdToken } } = await client('InitiateAuth', {
    AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME: Username }, Session,
  });
  const { body } = await pool.call('GetUser', { AccessToken });
  const shown = Object.fromEntries(body.UserAttributes.map(({ Name, Value }) => [Name, Value]));
  assert.deepEqual([shown.email_verified, shown.phone_number_verified], ['false', 'true']);
  const claims = JSON.parse(Buffer.from(IdToken.split('.')[1], 'base64url'));
  assert.deepEqual([claims.email_verified, claims.phone_number_verified], [false, true]);

  // Each of the two gets in, and is proven by that.
  for (const [name, medium, box] of [[Username, 'EMAIL_OTP', Username], [number, 'SMS_OTP', number]]) {
    const asked = await start(name, { PREFERRED_CHALLENGE: medium });
    const { code } = await pool.mail(box);
    const done = await client('RespondToAuthChallenge', {
      ChallengeName: medium, Session: asked.Session, ChallengeResponses: { USERNAME: name, [`${medium}_CODE`]: code },
    });
    assert.ok(done.AuthenticationResult);
  }
  const again = (await pool.call('GetUser', { AccessToken })).body.UserAttributes.find(({ Name }) => Name === 'email_verified');
  assert.equal(again.Value, 'true');
});

test('a name that nobody has is offered what somebody of that name might have', async () => {
  const seen = { email: new Set(), phone: new Set() };
  for (let i = 0; i < 24; i++) {
    for (const [kind, name] of [['email', address('nobody')], ['phone', phone()]]) {
      const { AvailableChallenges } = await start(name);
      const own = kind === 'email' ? 'EMAIL_OTP' : 'SMS_OTP';
      assert.ok(AvailableChallenges.includes(own), name);
      assert.deepEqual((await start(name.toUpperCase())).AvailableChallenges, AvailableChallenges, 'always the same for a name');
      for (const medium of ['EMAIL_OTP', 'SMS_OTP']) {
        const { ChallengeName } = await start(name, { PREFERRED_CHALLENGE: medium });
        assert.equal(ChallengeName, AvailableChallenges.includes(medium) ? medium : 'SELECT_CHALLENGE');
      }
      seen[kind].add(AvailableChallenges.join());
    }
  }
  // Users have one address or two; so have these.
  assert.deepEqual([...seen.email].sort(), ['PASSWORD,PASSWORD_SRP,EMAIL_OTP', 'PASSWORD,PASSWORD_SRP,EMAIL_OTP,SMS_OTP']);
  assert.deepEqual([...seen.phone].sort(), ['PASSWORD,PASSWORD_SRP,EMAIL_OTP,SMS_OTP', 'PASSWORD,PASSWORD_SRP,SMS_OTP']);
});
