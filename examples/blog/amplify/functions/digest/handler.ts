import { env } from '$amplify/env/digest';
import { getAmplifyDataClientConfig } from '@aws-amplify/backend/function/runtime';
import { Amplify } from 'aws-amplify';
import { generateClient } from 'aws-amplify/data';
import type { EventBridgeHandler } from 'aws-lambda';
import type { Schema } from '../../data/resource';

const { resourceConfig, libraryOptions } = await getAmplifyDataClientConfig(env);
Amplify.configure(resourceConfig, libraryOptions);
const client = generateClient<Schema>();

const TITLE = 'The week in the workshop';
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

/** Publishes what was written in the past week, when there was anything. */
export const handler: EventBridgeHandler<'Scheduled Event', null, { posts: number }> = async () => {
  const since = new Date(Date.now() - WEEK_MS).toISOString();
  const lately = { filter: { createdAt: { gt: since } } };
  const posts = (await all((nextToken) => client.models.Post.list({ ...lately, nextToken }))).filter(({ title }) => title !== TITLE);
  const comments = await all((nextToken) => client.models.Comment.list({ ...lately, nextToken }));
  if (posts.length === 0) return { posts: 0 };

  const lines = posts
    .sort((one, other) => one.createdAt.localeCompare(other.createdAt))
    .map(({ id, title }) => {
      const count = comments.filter(({ postId }) => postId === id).length;
      return `“${title}”${count > 0 ? ` - ${count} ${count === 1 ? 'comment' : 'comments'}` : ''}`;
    });
  const { errors } = await client.models.Post.create({ title: TITLE, content: lines.join('\n') });
  if (errors) throw new Error(errors.map(({ message }) => message).join(' '));
  console.log(`digest of ${posts.length} posts`);
  return { posts: posts.length };
};

type Page<Item> = { data: Item[]; nextToken?: string | null; errors?: readonly { message: string }[] };

async function all<Item>(page: (nextToken?: string) => Promise<Page<Item>>): Promise<Item[]> {
  const items: Item[] = [];
  let token: string | null | undefined;
  do {
    const { data, nextToken, errors } = await page(token ?? undefined);
    if (errors) throw new Error(errors.map(({ message }) => message).join(' '));
    items.push(...data);
    token = nextToken;
  } while (token);
  return items;
}
