import { Authenticator } from '@aws-amplify/ui-react';
import '@aws-amplify/ui-react/styles.css';
import { Amplify } from 'aws-amplify';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import outputs from '../amplify_outputs.json';
import { App } from './App';
import './app.css';
import { BlogProvider } from './useBlog';

Amplify.configure(outputs);

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Authenticator.Provider>
      <BlogProvider>
        <App />
      </BlogProvider>
    </Authenticator.Provider>
  </StrictMode>,
);
