import { useEffect, useState } from 'react';

/** The pages, by what stands after the # of the address. */
export type Route =
  | { page: 'posts' | 'write' | 'profile' | 'sign-in' | 'nowhere' }
  | { page: 'post' | 'edit'; id: string };

export const addresses = {
  posts: '#/',
  write: '#/write',
  profile: '#/profile',
  signIn: '#/sign-in',
  post: (id: string) => `#/posts/${encodeURIComponent(id)}`,
  edit: (id: string) => `#/posts/${encodeURIComponent(id)}/edit`,
};

/** Goes to another page; `replace` leaves the present one out of the history. */
export function go(address: string, { replace = false } = {}) {
  if (replace) window.location.replace(address);
  else window.location.hash = address;
}

let cameFrom = addresses.posts;

/** Goes on where one was before signing in. */
export function leaveSignIn() {
  if (window.location.hash === addresses.signIn) go(cameFrom, { replace: true });
}

/** The page that the address names, as it changes. */
export function useRoute(): Route {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const read = ({ oldURL }: HashChangeEvent) => {
      const left = new URL(oldURL).hash;
      if (left !== addresses.signIn) cameFrom = left || addresses.posts;
      setHash(window.location.hash);
    };
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }, []);
  return parse(hash);
}

function parse(hash: string): Route {
  const [first = '', second, third, ...rest] = hash.replace(/^#?\/?/, '').split('/');
  if (rest.length > 0) return { page: 'nowhere' };
  if (first === 'posts' && second) {
    const id = decode(second);
    if (third === undefined) return { page: 'post', id };
    return third === 'edit' ? { page: 'edit', id } : { page: 'nowhere' };
  }
  if (second !== undefined) return { page: 'nowhere' };
  if (first === '') return { page: 'posts' };
  return first === 'write' || first === 'profile' || first === 'sign-in' ? { page: first } : { page: 'nowhere' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
