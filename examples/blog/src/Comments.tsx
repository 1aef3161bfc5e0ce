import { type FormEvent, type KeyboardEvent, useState } from 'react';
import { type Comment, type Post, client, describe, ownProfile, succeeded, written } from './blog';
import { Avatar, Day, Problem, count } from './parts';
import { addresses } from './route';
import { useBlog } from './useBlog';
import { type Member, useIsEditor } from './useMember';

export function Comments({ post, member }: { post: Post; member: Member | null }) {
  const { comments, commentsOn } = useBlog();
  const thread = commentsOn(post.id);
  const isEditor = useIsEditor(member);

  return (
    <section className="comments" aria-labelledby="comments">
      <h2 id="comments">{count(thread.length, 'comment', 'comments')}</h2>
      <Problem text={comments.error} onRetry={comments.retry} />
      <ul>
        {thread.map((comment) => (
          <OneComment
            key={comment.id}
            comment={comment}
            isOwn={member?.username === comment.owner}
            isEditor={isEditor}
          />
        ))}
      </ul>
      {member ? (
        <NewComment postId={post.id} member={member} />
      ) : (
        <p className="invite">
          <a href={addresses.signIn}>Sign in</a> to say something.
        </p>
      )}
    </section>
  );
}

function OneComment({ comment, isOwn, isEditor }: { comment: Comment; isOwn: boolean; isEditor: boolean }) {
  const { comments, nameOf } = useBlog();
  const [error, setError] = useState<string | null>(null);
  const name = nameOf(comment.owner);

  async function remove() {
    try {
      succeeded(await client.models.Comment.delete({ id: comment.id }));
      comments.remove(comment.id);
    } catch (reason) {
      setError(describe(reason));
    }
  }

  return (
    <li>
      <Avatar name={name} />
      <div>
        <p className="who">
          <strong>{name}</strong> <Day at={comment.createdAt} />
          {(isOwn || isEditor) && (
            <button
              type="button"
              className="link danger"
              aria-label={`Delete ${isOwn ? 'your' : 'the'} comment: ${comment.content}`}
              onClick={remove}
            >
              Delete
            </button>
          )}
        </p>
        <p className="said">{comment.content}</p>
        <Problem text={error} />
      </div>
    </li>
  );
}

function NewComment({ postId, member }: { postId: string; member: Member }) {
  const { comments } = useBlog();
  const [content, setContent] = useState('');
  const [isSending, setSending] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!content.trim() || isSending) return;
    setSending(true);
    setError(null);
    try {
      await ownProfile(member.username); // so that others see a name
      comments.put(written(await client.models.Comment.create({ content: content.trim(), postId })));
      setContent('');
    } catch (reason) {
      setError(describe(reason));
    }
    setSending(false);
  }

  function submitByKeyboard(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
  }

  return (
    <form className="say" onSubmit={submit}>
      <textarea
        value={content}
        onChange={(event) => setContent(event.target.value)}
        onKeyDown={submitByKeyboard}
        aria-label="Your comment"
        placeholder="Say something kind"
        rows={3}
      />
      <Problem text={error} />
      <button type="submit" className="button primary" disabled={!content.trim() || isSending}>
        Comment
      </button>
    </form>
  );
}
