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
  /** The profile of the person behind an `owner`, and what they are called. */
  profileOf: (owner: string | null | undefined) => Profile | undefined;
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

  // Whoever has made a second profile is known by the first.
  const people = useMemo(
    () => new Map([...profiles.items].sort(byAge).reverse().map((profile) => [profile.owner, profile])),
    [profiles.items],
  );

  const blog = {
    posts,
    comments,
    profiles,
    newest,
    commentsOn: (postId: string) => threads.get(postId) ?? [],
    profileOf: (owner: string | null | undefined) => people.get(owner),
    nameOf: (owner: string | null | undefined) => (owner ? (people.get(owner)?.name ?? 'A member') : 'The workshop'),
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
