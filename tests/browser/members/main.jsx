// The Authenticator and the account's settings as Amplify's documentation shows them; the pool says what is asked.
import { AccountSettings, Authenticator } from '@aws-amplify/ui-react';
import '@aws-amplify/ui-react/styles.css';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import React, { useState } from 'react';
import { createRoot } from 'react-dom/client';
import outputs from './amplify_outputs.json';

Amplify.configure(outputs);
window.auth = auth;

function Member({ user, signOut }) {
  const [notice, setNotice] = useState('');
  return (
    <main style={{ maxWidth: '30rem', margin: '2rem auto' }}>
      <h1>Hello {user.signInDetails?.loginId ?? user.username}</h1>
      <button onClick={signOut}>Sign out</button>
      <p role="status">{notice}</p>
      <AccountSettings.ChangePassword onSuccess={() => setNotice('The password is changed')} />
      <AccountSettings.DeleteUser />
    </main>
  );
}

createRoot(document.getElementById('root')).render(
  <Authenticator {...outputs.custom?.authenticator}>{(props) => <Member {...props} />}</Authenticator>,
);
