import { type SelectionSet, generateClient } from 'aws-amplify/data';
import type { Schema } from '../amplify/data/resource';

export const client = generateClient<Schema>();

export type Author = Schema['User']['type'];

/** A post as the pages show it: with its author and its comments, read in one request. */
const postFields = [
  'id',
  'title',
  'content',
  'owner',
  'createdAt',
  'author.id',
  'author.name',
  'comments.id',
  'comments.content',
  'comments.owner',
  'comments.createdAt',
] as const;

export type Post = SelectionSet<Schema['Post'], typeof postFields>;

/** Guests and members alike read with the API key: reading is open to everybody. */
export async function listPosts(): Promise<Post[]> {
  const posts: Post[] = [];
  let nextToken: string | null | undefined;
  do {
    const page = await client.models.Post.list({
      selectionSet: postFields,
      authMode: 'apiKey',
      nextToken,
    });
    posts.push(...(succeeded(page)));
    nextToken = page.nextToken;
  } while (nextToken);
  return posts.sort((one, other) => other.createdAt.localeCompare(one.createdAt));
}

/** The member's own profile, made at the first post. */
export async function ownProfile(owner: string, name: string): Promise<Author> {
  const found = succeeded(await client.models.User.list({ authMode: 'userPool' }));
  return found.find((user) => user.owner === owner) ?? succeeded(await client.models.User.create({ name }))!;
}

/** The data of a result; its errors are thrown. */
export function succeeded<Data>(result: { data: Data; errors?: readonly { message: string }[] }): Data {
  if (result.errors?.length) throw new Error(result.errors.map((error) => error.message).join(' '));
  return result.data;
}
