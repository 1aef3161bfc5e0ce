import { Authenticator, useAuthenticator } from '@aws-amplify/ui-react';
import { useCallback, useEffect, useState } from 'react';
import { Composer } from './Composer';
import { PostView } from './PostView';
import { type Post, listPosts } from './blog';

type Page = 'posts' | 'write' | 'sign-in';

export function App() {
  const { authStatus, user, signOut } = useAuthenticator((context) => [context.authStatus, context.user]);
  const [page, setPage] = useState<Page>('posts');
  const isMember = authStatus === 'authenticated';

  useEffect(() => {
    if (isMember) setPage((now) => (now === 'sign-in' ? 'posts' : now));
  }, [isMember]);

  return (
    <>
      <header className="bar">
        <button type="button" className="brand" onClick={() => setPage('posts')}>
          The Workshop Blog
        </button>
        <nav aria-label="Account">
          {isMember ? (
            <>
              <button type="button" onClick={() => setPage('write')}>
                Write
              </button>
              <button type="button" onClick={signOut}>
                Sign out
              </button>
            </>
          ) : (
            <button type="button" onClick={() => setPage('sign-in')}>
              Sign in
            </button>
          )}
        </nav>
      </header>
      <main className="page">
        {page === 'sign-in' && !isMember && <SignIn />}
        {page === 'write' && isMember && (
          <Composer username={user.username} onPublished={() => setPage('posts')} />
        )}
        {page === 'posts' && <Posts username={isMember ? user.username : null} />}
      </main>
    </>
  );
}

function SignIn() {
  return (
    <section className="sign-in">
      <Authenticator
        socialProviders={['google']}
        signUpAttributes={['preferred_username']}
        formFields={{ signUp: { preferred_username: { label: 'Display name', placeholder: 'How others see you' } } }}
      />
    </section>
  );
}

function Posts({ username }: { username: string | null }) {
  const [posts, setPosts] = useState<Post[] | null>(null);
  const [error, setError] = useState<string | null>(null);

  const load = useCallback(async () => {
    try {
      setPosts(await listPosts());
      setError(null);
    } catch (reason) {
      setError((reason as Error).message || 'The posts could not be read.');
    }
  }, []);

  useEffect(() => void load(), [load]);

  return (
    <>
      <header className="intro">
        <h1>Notes from the workshop</h1>
        <p>What we made, what broke, and what we learned. Everybody can read; members can comment.</p>
      </header>
      {error && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
      {posts === null && !error && <p className="quiet">Loading…</p>}
      {posts?.length === 0 && <p className="quiet">Nothing has been published yet.</p>}
      {posts?.map((post) => (
        <PostView key={post.id} post={post} username={username} onChange={load} />
      ))}
    </>
  );
}
