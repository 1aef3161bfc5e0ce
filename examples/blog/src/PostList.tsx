import type { Post } from './blog';
import { Avatar, Day, Empty, Loading, Problem, count, useTitle } from './parts';
import { addresses } from './route';
import { useBlog } from './useBlog';

export function PostList() {
  const { posts, newest } = useBlog();
  useTitle(null);

  return (
    <>
      <header className="intro">
        <h1>Notes from the workshop</h1>
        <p>What we made, what broke, and what we learned.</p>
      </header>
      <Problem text={posts.error} onRetry={posts.retry} />
      {posts.isLoading && newest.length === 0 && <Loading />}
      {!posts.isLoading && !posts.error && newest.length === 0 && (
        <Empty
          title="Nothing has been published yet"
          text="The first post is the hardest one. Be brave."
          action={
            <a className="button primary" href={addresses.write}>
              Write the first post
            </a>
          }
        />
      )}
      <div className="posts">
        {newest.map((post) => (
          <Summary key={post.id} post={post} />
        ))}
      </div>
    </>
  );
}

function Summary({ post }: { post: Post }) {
  const { nameOf, commentsOn } = useBlog();
  const name = nameOf(post.owner);
  const comments = commentsOn(post.id).length;

  return (
    <article className="summary" aria-label={post.title}>
      <p className="when">
        <Day at={post.createdAt} />
      </p>
      <div>
        <h2>
          <a href={addresses.post(post.id)}>{post.title}</a>
        </h2>
        <p className="excerpt">{post.content}</p>
        <p className="byline">
          <Avatar name={name} />
          <span>{name}</span>
          <span className="talk">{count(comments, 'comment', 'comments')}</span>
        </p>
      </div>
    </article>
  );
}
