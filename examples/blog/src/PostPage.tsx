import { useId, useRef, useState } from 'react';
import { Comments } from './Comments';
import { Prints } from './Prints';
import { type Post, client, describe, succeeded } from './blog';
import { Avatar, Day, Empty, Loading, Problem, useTitle } from './parts';
import { addresses, go } from './route';
import { useBlog } from './useBlog';
import type { Member } from './useMember';

export function PostPage({ id, member }: { id: string; member: Member | null }) {
  const { posts, nameOf } = useBlog();
  const post = posts.items.find((each) => each.id === id);
  useTitle(post?.title ?? 'Post');

  if (!post) {
    if (posts.error) return <Problem text={posts.error} onRetry={posts.retry} />;
    if (posts.isLoading) return <Loading />;
    return (
      <Empty
        title="This post is not here"
        text="Its author may have taken it back."
        action={<a href={addresses.posts}>See all posts</a>}
      />
    );
  }

  const name = nameOf(post.owner);
  return (
    <>
      <article className="post" aria-label={post.title}>
        <header>
          <a className="back" href={addresses.posts}>
            All posts
          </a>
          <h1>{post.title}</h1>
          <div className="byline">
            <Avatar name={name} />
            <span>
              <strong>{name}</strong>
              <br />
              <Day at={post.createdAt} />
              {isEdited(post) && <> · edited</>}
            </span>
            {member?.username === post.owner && <OwnerActions post={post} />}
          </div>
        </header>
        <div className="prose">
          {post.content.split(/\n{2,}/).map((paragraph, index) => (
            <p key={index}>{paragraph}</p>
          ))}
        </div>
      </article>
      <Comments post={post} member={member} />
      {member && <Prints post={post} />}
    </>
  );
}

function OwnerActions({ post }: { post: Post }) {
  const { posts } = useBlog();
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const [isDeleting, setDeleting] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function remove() {
    setDeleting(true);
    setError(null);
    try {
      succeeded(await client.models.Post.delete({ id: post.id }));
      posts.remove(post.id);
      go(addresses.posts, { replace: true });
    } catch (reason) {
      setError(describe(reason));
      setDeleting(false);
    }
  }

  return (
    <span className="actions">
      <a className="button" href={addresses.edit(post.id)}>
        Edit
      </a>
      <button type="button" className="button danger" onClick={() => dialog.current?.showModal()}>
        Delete
      </button>
      <dialog ref={dialog} aria-labelledby={titleId}>
        <h2 id={titleId}>Delete this post?</h2>
        <p>“{post.title}” and the conversation below it will be gone for everybody.</p>
        <Problem text={error} />
        <div className="buttons">
          <button type="button" className="button danger filled" disabled={isDeleting} onClick={remove}>
            Delete the post
          </button>
          <button type="button" className="button" onClick={() => dialog.current?.close()}>
            Keep it
          </button>
        </div>
      </dialog>
    </span>
  );
}

function isEdited({ createdAt, updatedAt }: Post): boolean {
  return updatedAt > createdAt;
}
