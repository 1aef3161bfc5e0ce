import { fetchUserAttributes } from 'aws-amplify/auth';
import { getUrl, uploadData } from 'aws-amplify/storage';
import { type ChangeEvent, type FormEvent, useEffect, useState } from 'react';
import { client, ownProfile, succeeded } from './blog';

export function Composer({ username, onPublished }: { username: string; onPublished: () => void }) {
  const [title, setTitle] = useState('');
  const [content, setContent] = useState('');
  const [error, setError] = useState<string | null>(null);

  async function publish(event: FormEvent) {
    event.preventDefault();
    try {
      const author = await profileOf(username);
      succeeded(await client.models.Post.create({ title: title.trim(), content: content.trim(), authorId: author.id }));
      onPublished();
    } catch (reason) {
      setError((reason as Error).message);
    }
  }

  return (
    <section className="composer">
      <h1>A new post</h1>
      <form onSubmit={publish}>
        <label>
          Title
          <input value={title} onChange={(event) => setTitle(event.target.value)} required />
        </label>
        <label>
          Text
          <textarea value={content} onChange={(event) => setContent(event.target.value)} rows={12} required />
        </label>
        {error && (
          <p className="error" role="alert">
            {error}
          </p>
        )}
        <button type="submit">Publish</button>
      </form>
      <ProfilePicture username={username} />
    </section>
  );
}

/** The picture is kept under the member's own identity, where only they may write. */
function ProfilePicture({ username }: { username: string }) {
  const [url, setUrl] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);

  async function show(path: string) {
    setUrl((await getUrl({ path })).url.href);
  }

  useEffect(() => {
    profileOf(username)
      .then(({ profilePicturePath }) => (profilePicturePath ? show(profilePicturePath) : undefined))
      .catch((reason: Error) => setError(reason.message));
  }, [username]);

  async function upload(event: ChangeEvent<HTMLInputElement>) {
    const file = event.target.files?.[0];
    if (!file) return;
    try {
      const { path } = await uploadData({
        path: ({ identityId }) => `profile-pictures/${identityId}/${file.name}`,
        data: file,
      }).result;
      const { id } = await profileOf(username);
      succeeded(await client.models.User.update({ id, profilePicturePath: path }));
      await show(path);
    } catch (reason) {
      setError((reason as Error).message);
    }
  }

  return (
    <aside className="picture">
      {url && <img src={url} alt="Your profile" />}
      <label>
        Profile picture
        <input type="file" accept="image/*" onChange={upload} />
      </label>
      {error && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
    </aside>
  );
}

async function profileOf(username: string) {
  const attributes = await fetchUserAttributes();
  return ownProfile(username, attributes.preferred_username ?? 'A member');
}
