import { type ReactNode, createContext, useContext, useMemo } from 'react';
import { type Comment, type Post, type Profile, watchComments, watchPosts, watchProfiles } from './blog';
import { type Live, useLive } from './useLive';

type Blog = {
  posts: Live<Post>;
  comments: Live<Comment>;
  profiles: Live<Profile>;
  /** Newest first. */
  newest: Post[];
  /** Oldest first. */
  commentsOn: (postId: string) => Comment[];
  /** What the person behind an `owner` is called. */
  nameOf: (owner: string | null | undefined) => string;
};

const BlogContext = createContext<Blog | null>(null);

/** All that is published, live, for every page: a few lists, joined here. */
export function BlogProvider({ children }: { children: ReactNode }) {
  const posts = useLive<Post>(watchPosts);
  const comments = useLive<Comment>(watchComments);
  const profiles = useLive<Profile>(watchProfiles);

  const newest = useMemo(() => [...posts.items].sort(byAge).reverse(), [posts.items]);

  const threads = useMemo(() => {
    const byPost = new Map<string, Comment[]>();
    for (const comment of [...comments.items].sort(byAge)) {
      byPost.set(comment.postId, [...(byPost.get(comment.postId) ?? []), comment]);
    }
    return byPost;
  }, [comments.items]);

  // The oldest profile counts: nobody takes another's name by making a second one.
  const names = useMemo(
    () => new Map([...profiles.items].sort(byAge).reverse().map(({ owner, name }) => [owner, name])),
    [profiles.items],
  );

  const blog = {
    posts,
    comments,
    profiles,
    newest,
    commentsOn: (postId: string) => threads.get(postId) ?? [],
    nameOf: (owner: string | null | undefined) => names.get(owner) ?? 'A member',
  };
  return <BlogContext.Provider value={blog}>{children}</BlogContext.Provider>;
}

export function useBlog(): Blog {
  const blog = useContext(BlogContext);
  if (!blog) throw new Error('useBlog needs a BlogProvider around it');
  return blog;
}

function byAge(one: { createdAt: string; id: string }, other: { createdAt: string; id: string }): number {
  return one.createdAt.localeCompare(other.createdAt) || one.id.localeCompare(other.id);
}
