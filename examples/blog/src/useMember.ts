import { useAuthenticator } from '@aws-amplify/ui-react';
import { fetchAuthSession, getCurrentUser } from 'aws-amplify/auth';
import { useEffect, useState } from 'react';
import { ownProfile } from './blog';
import { useBlog } from './useBlog';

export type Member = {
  /** What `owner` of this member's posts and comments says. */
  username: string;
};

/** Who is signed in here: undefined while that is being found out, null for a guest. */
export function useMember(): Member | null | undefined {
  const { authStatus, user } = useAuthenticator((context) => [context.authStatus, context.user]);
  if (authStatus === 'unauthenticated') return null;
  // Right after a sign-in the status is there a moment before the user.
  const username: string | undefined = user?.username;
  return authStatus === 'authenticated' && username ? { username } : undefined;
}

/** Gives a new member a profile. One that could not be made is asked for again when it is needed. */
export function useProfile(member: Member | null | undefined) {
  const username = member?.username;
  const { put } = useBlog().profiles;
  useEffect(() => {
    if (username) ownProfile(username).then(put, () => {});
  }, [username, put]);
}

/** Whether the member is an editor, who may remove what others have written. */
export function useIsEditor(member: Member | null): boolean {
  const [editor, setEditor] = useState<string | null>(null);
  const username = member?.username ?? null;
  useEffect(() => {
    let isCurrent = username !== null;
    fetchAuthSession().then(
      ({ tokens }) => {
        const groups = tokens?.accessToken.payload['cognito:groups'];
        if (isCurrent && Array.isArray(groups) && groups.includes('EDITORS')) setEditor(username);
      },
      () => {},
    );
    return () => {
      isCurrent = false;
    };
  }, [username]);
  return username !== null && editor === username;
}

/** Signing out in one tab signs out the others: they share what the browser keeps of a session. */
export function useSharedSignOut() {
  const { authStatus, signOut } = useAuthenticator((context) => [context.authStatus]);
  useEffect(() => {
    if (authStatus !== 'authenticated') return;
    const check = ({ key, newValue }: StorageEvent) => {
      if (newValue === null && (key === null || key.endsWith('.accessToken'))) getCurrentUser().catch(() => signOut());
    };
    window.addEventListener('storage', check);
    return () => window.removeEventListener('storage', check);
  }, [authStatus, signOut]);
}
