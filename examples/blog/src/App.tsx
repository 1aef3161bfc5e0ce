import { useAuthenticator } from '@aws-amplify/ui-react';
import { useLayoutEffect, useRef } from 'react';
import { EditPage, WritePage } from './Composer';
import { PostList } from './PostList';
import { PostPage } from './PostPage';
import { ProfilePage } from './ProfilePage';
import { SignInPage } from './SignInPage';
import { Avatar, Empty } from './parts';
import { type Route, addresses, useRoute } from './route';
import { useBlog } from './useBlog';
import { type Connection, useConnection } from './useConnection';
import { type Member, useMember, useProfile, useSharedSignOut } from './useMember';

export function App() {
  const member = useMember();
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const address = JSON.stringify(route);
  const shown = useRef(address);
  useSharedSignOut();
  useProfile(member);

  // As a browser does between documents: the new page starts at its top, and the keyboard in it. Before
  // it is painted, so that whoever sees it can type.
  useLayoutEffect(() => {
    if (shown.current === address) return;
    shown.current = address;
    window.scrollTo(0, 0);
    if (!main.current?.contains(document.activeElement)) main.current?.focus();
  }, [address]);

  return (
    <>
      <a className="skip" href={addresses.posts} onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the page
      </a>
      <Bar member={member} />
      <main className="page" ref={main} tabIndex={-1}>
        <Page route={route} member={member} />
      </main>
      <footer className="foot">The Workshop Blog. Everybody can read; members write and comment.</footer>
    </>
  );
}

function Page({ route, member }: { route: Route; member: Member | null | undefined }) {
  switch (route.page) {
    case 'posts':
      return <PostList />;
    case 'post':
      return <PostPage key={route.id} id={route.id} member={member ?? null} />;
    case 'nowhere':
      return <Empty title="There is no such page" action={<a href={addresses.posts}>See all posts</a>} />;
  }
  // The rest is for members: a guest signs in first and is then where they wanted to go.
  if (member === undefined) return null;
  if (member === null || route.page === 'sign-in') return <SignInPage member={member} />;
  switch (route.page) {
    case 'write':
      return <WritePage member={member} />;
    case 'edit':
      return <EditPage key={route.id} id={route.id} member={member} />;
    case 'profile':
      return <ProfilePage member={member} />;
  }
}

function Bar({ member }: { member: Member | null | undefined }) {
  const { signOut } = useAuthenticator((context) => [context.authStatus]);
  const { nameOf } = useBlog();

  return (
    <header className="bar">
      <a className="brand" href={addresses.posts}>
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M7 25 20 12m-1-6 7 7-4 4-7-7zM7 25l-1 1" />
        </svg>
        <span>The Workshop Blog</span>
      </a>
      <ConnectionBadge />
      <nav aria-label="Account">
        {member && (
          <>
            <a className="button primary" href={addresses.write}>
              Write
            </a>
            <a className="me" href={addresses.profile} aria-label="Your profile" title="Your profile">
              <Avatar name={nameOf(member.username)} />
            </a>
            <button type="button" className="button" onClick={() => signOut()}>
              Sign out
            </button>
          </>
        )}
        {member === null && (
          <a className="button" href={addresses.signIn}>
            Sign in
          </a>
        )}
      </nav>
    </header>
  );
}

const badges: Record<Connection, { label: string; title: string }> = {
  live: { label: 'Live', title: 'New posts and comments appear here by themselves' },
  connecting: { label: 'Connecting', title: 'Connecting for live updates' },
  offline: { label: 'Not live', title: 'New posts and comments appear after a reload' },
};

function ConnectionBadge() {
  const connection = useConnection();
  const { label, title } = badges[connection];
  return (
    <span className="badge" data-state={connection} title={title}>
      {label}
    </span>
  );
}
