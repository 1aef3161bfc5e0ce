import { type FormEvent, useState } from 'react';
import { client, describe, ownProfile, written } from './blog';
import { Empty, Loading, Problem, useTitle } from './parts';
import { addresses, go } from './route';
import { useBlog } from './useBlog';
import type { Member } from './useMember';

type Draft = { title: string; content: string };

export function WritePage({ member }: { member: Member }) {
  const { posts } = useBlog();
  useTitle('A new post');

  async function publish(draft: Draft) {
    const author = await ownProfile(member.username);
    const post = written(await client.models.Post.create({ ...draft, authorId: author.id }));
    posts.put(post);
    go(addresses.post(post.id), { replace: true });
  }

  return <Composer heading="A new post" save="Publish" cancel={addresses.posts} onSave={publish} />;
}

export function EditPage({ id, member }: { id: string; member: Member }) {
  const { posts } = useBlog();
  const post = posts.items.find((each) => each.id === id);
  useTitle('Edit a post');

  if (!post && posts.isLoading) return <Loading />;
  if (!post || post.owner !== member.username) {
    return (
      <Empty
        title={post ? 'This post is somebody else’s' : 'This post is not here'}
        text="You can edit what you have written yourself."
        action={<a href={addresses.posts}>See all posts</a>}
      />
    );
  }

  async function save(draft: Draft) {
    posts.put(written(await client.models.Post.update({ id, ...draft })));
    go(addresses.post(id), { replace: true });
  }

  return <Composer heading="Edit your post" save="Save" cancel={addresses.post(id)} initial={post} onSave={save} />;
}

type Props = {
  heading: string;
  save: string;
  cancel: string;
  initial?: Draft;
  onSave: (draft: Draft) => Promise<void>;
};

function Composer({ heading, save, cancel, initial, onSave }: Props) {
  const [title, setTitle] = useState(initial?.title ?? '');
  const [content, setContent] = useState(initial?.content ?? '');
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const isComplete = title.trim() !== '' && content.trim() !== '';

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!isComplete || isSaving) return;
    setSaving(true);
    setError(null);
    try {
      await onSave({ title: title.trim(), content: content.trim() });
    } catch (reason) {
      setError(describe(reason));
      setSaving(false);
    }
  }

  return (
    <form className="composer" onSubmit={submit}>
      <h1>{heading}</h1>
      <label>
        Title
        <input value={title} onChange={(event) => setTitle(event.target.value)} autoFocus required />
      </label>
      <label>
        Text
        <textarea value={content} onChange={(event) => setContent(event.target.value)} rows={10} required />
        <small>An empty line begins a new paragraph.</small>
      </label>
      <Problem text={error} />
      <div className="buttons">
        <button type="submit" className="button primary" disabled={!isComplete || isSaving}>
          {save}
        </button>
        <a className="button" href={cancel}>
          Cancel
        </a>
      </div>
    </form>
  );
}
