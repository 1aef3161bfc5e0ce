import { fetchUserAttributes } from 'aws-amplify/auth';
import { generateClient } from 'aws-amplify/data';
import type { Schema } from '../amplify/data/resource';

export const client = generateClient<Schema>();

export type Post = Schema['Post']['type'];
export type Comment = Schema['Comment']['type'];
export type Profile = Schema['User']['type'];
export type Thumbnail = Schema['Thumbnail']['type'];

/** Guests and members alike read with the API key: reading is open to everybody. */
const authMode = 'apiKey';

export const watchPosts = () => client.models.Post.observeQuery({ authMode });
export const watchComments = () => client.models.Comment.observeQuery({ authMode });
export const watchThumbnail = (path: string) =>
  client.models.Thumbnail.observeQuery({ authMode, filter: { path: { eq: path } } });
export const watchProfiles = () => client.models.User.observeQuery({ authMode });

const profiles = new Map<string, Promise<Profile>>();

/**
 * The profile of the member who is signed in. The backend makes it when somebody signs up; it is made here for who
 * came before that, when it is first needed, and only once.
 */
export function ownProfile(username: string): Promise<Profile> {
  const known = profiles.get(username);
  if (known) return known;
  const found = findOrMakeProfile();
  profiles.set(username, found);
  found.catch(() => profiles.delete(username));
  return found;
}

async function findOrMakeProfile(): Promise<Profile> {
  // Asked as a member, the list holds nobody else's.
  const found = succeeded(await client.models.User.list({ authMode: 'userPool' }));
  const [oldest] = found.sort((one, other) => one.createdAt.localeCompare(other.createdAt));
  if (oldest) return oldest;
  const { preferred_username: name } = await fetchUserAttributes();
  return written(await client.models.User.create({ name: name ?? 'A member' }));
}

/** The data of a result; its errors are thrown. */
export function succeeded<Data>(result: { data: Data; errors?: readonly { message: string }[] }): Data {
  if (result.errors?.length) throw new Error(result.errors.map((error) => error.message).join(' '));
  return result.data;
}

/** The item that a write gave back. */
export function written<Item>(result: { data: Item | null; errors?: readonly { message: string }[] }): Item {
  const item = succeeded(result);
  if (item === null) throw new Error('Nothing was saved.');
  return item;
}

/** What to tell a person. The client reports failures as Error, as {errors: [...]} and as {error: {errors: [...]}}. */
export function describe(reason: unknown): string {
  const { error, errors = error?.errors, message } = reason as {
    error?: { errors?: { message: string }[] };
    errors?: { message: string }[];
    message?: string;
  };
  const text = errors?.map((each) => each.message).join(' ') || message || 'Something went wrong.';
  return text.startsWith('Not Authorized') || text.startsWith('Unauthorized')
    ? 'You may not do this: it belongs to somebody else, or you are signed out.'
    : text;
}
