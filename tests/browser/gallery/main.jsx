// Amplify's components for files, as its documentation shows them; the test signs in through window.auth.
import { FileUploader, StorageImage } from '@aws-amplify/ui-react-storage';
import '@aws-amplify/ui-react/styles.css';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import * as storage from 'aws-amplify/storage';
import { Hub } from 'aws-amplify/utils';
import React, { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import outputs from './amplify_outputs.json';

Amplify.configure(outputs);

Object.assign(window, { auth, storage });

function Gallery() {
  const [user, setUser] = useState(null);
  const [path, setPath] = useState(null);
  useEffect(() => {
    const look = () => auth.getCurrentUser().then(setUser, () => setUser(null));
    look();
    return Hub.listen('auth', look);
  }, []);
  return (
    <main style={{ maxWidth: '40rem', margin: '2rem auto', fontFamily: 'sans-serif' }}>
      <h1>{user ? 'A member' : 'A guest'}</h1>
      <StorageImage alt="Welcome" path="public/welcome.png" validateObjectExistence={false} style={{ width: 120 }} />
      {user && (
        <FileUploader
          acceptedFileTypes={['image/*', '.bin']}
          path={({ identityId }) => `profile-pictures/${identityId}/`}
          maxFileCount={5}
          isResumable
          onUploadSuccess={({ key }) => setPath(key)}
          onUploadError={(error) => (window.failed = String(error))}
        />
      )}
      {user && path && <StorageImage alt="Profile" path={path} key={path} style={{ width: 240 }} />}
    </main>
  );
}

createRoot(document.getElementById('root')).render(<Gallery />);
