import { type FormEvent, useId, useState } from 'react';
import { type Post, client, succeeded } from './blog';

type Props = { post: Post; username: string | null; onChange: () => Promise<void> };

export function PostView({ post, username, onChange }: Props) {
  const headingId = useId();
  const [error, setError] = useState<string | null>(null);

  async function run(operation: () => Promise<{ data: unknown; errors?: readonly { message: string }[] }>) {
    try {
      succeeded(await operation());
      setError(null);
      await onChange();
    } catch (reason) {
      setError((reason as Error).message);
    }
  }

  return (
    <article className="post" aria-labelledby={headingId}>
      <p className="byline">
        {post.author?.name ?? 'A member'} · <time dateTime={post.createdAt}>{day(post.createdAt)}</time>
      </p>
      <h2 id={headingId}>{post.title}</h2>
      {post.content.split(/\n{2,}/).map((paragraph, index) => (
        <p key={index}>{paragraph}</p>
      ))}
      {username !== null && post.owner === username && (
        <button type="button" className="quiet-button" onClick={() => run(() => client.models.Post.delete({ id: post.id }))}>
          Delete this post
        </button>
      )}

      <section className="comments" aria-label={`Comments on ${post.title}`}>
        <h3>{comments(post.comments.length)}</h3>
        <ul>
          {post.comments.map((comment) => (
            <li key={comment.id}>
              <p>{comment.content}</p>
              <time dateTime={comment.createdAt}>{day(comment.createdAt)}</time>
              {username !== null && comment.owner === username && (
                <button
                  type="button"
                  className="quiet-button"
                  onClick={() => run(() => client.models.Comment.delete({ id: comment.id }))}
                >
                  Delete
                </button>
              )}
            </li>
          ))}
        </ul>
        {username !== null && (
          <NewComment onSubmit={(content) => run(() => client.models.Comment.create({ content, postId: post.id }))} />
        )}
        {error && (
          <p className="error" role="alert">
            {error}
          </p>
        )}
      </section>
    </article>
  );
}

function NewComment({ onSubmit }: { onSubmit: (content: string) => Promise<void> }) {
  const [content, setContent] = useState('');

  async function submit(event: FormEvent) {
    event.preventDefault();
    await onSubmit(content.trim());
    setContent('');
  }

  return (
    <form onSubmit={submit}>
      <input
        value={content}
        onChange={(event) => setContent(event.target.value)}
        aria-label="Your comment"
        placeholder="Say something kind"
      />
      <button type="submit" disabled={!content.trim()}>
        Comment
      </button>
    </form>
  );
}

function comments(count: number): string {
  return count === 0 ? 'No comments yet' : count === 1 ? 'One comment' : `${count} comments`;
}

function day(timestamp: string): string {
  return new Date(timestamp).toLocaleDateString('en', { day: 'numeric', month: 'long', year: 'numeric' });
}
