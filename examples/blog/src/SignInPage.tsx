import { Authenticator } from '@aws-amplify/ui-react';
import { useEffect } from 'react';
import { useTitle } from './parts';
import { leaveSignIn } from './route';
import type { Member } from './useMember';

const name = { label: 'Display name', placeholder: 'How others see you', order: 1 };

export function SignInPage({ member }: { member: Member | null }) {
  useTitle('Sign in');

  useEffect(() => {
    if (member) leaveSignIn();
  }, [member]);

  return (
    <section className="sign-in">
      <header className="intro">
        <h1>Come in</h1>
        <p>Members write posts and comment on those of others.</p>
      </header>
      {!member && (
        <Authenticator
          socialProviders={['google']}
          signUpAttributes={['preferred_username']}
          formFields={{ signUp: { preferred_username: name } }}
        />
      )}
    </section>
  );
}
