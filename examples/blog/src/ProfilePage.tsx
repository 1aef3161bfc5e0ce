import { StorageImage } from '@aws-amplify/ui-react-storage';
import { remove, uploadData } from 'aws-amplify/storage';
import { type ChangeEvent, type FormEvent, useEffect, useState } from 'react';
import { type Profile, type Thumbnail, client, describe, ownProfile, watchThumbnail, written } from './blog';
import { Avatar, Loading, Problem, useTitle } from './parts';
import { useBlog } from './useBlog';
import type { Member } from './useMember';

export function ProfilePage({ member }: { member: Member }) {
  const { profileOf, profiles } = useBlog();
  const [error, setError] = useState<string | null>(null);
  const profile = profileOf(member.username);
  const { put } = profiles;
  useTitle('Your profile');

  useEffect(() => {
    ownProfile(member.username).then(put, (reason) => setError(describe(reason)));
  }, [member.username, put]);

  if (!profile) return error ? <Problem text={error} /> : <Loading />;
  const change = async (values: Changes) => put(written(await client.models.User.update({ id: profile.id, ...values })));
  return (
    <section className="profile">
      <h1>Your profile</h1>
      <Picture profile={profile} onChange={change} />
      <About profile={profile} onChange={change} />
    </section>
  );
}

type Changes = Partial<Pick<Profile, 'name' | 'bio' | 'profilePicturePath'>>;

type Props = { profile: Profile; onChange: (values: Changes) => Promise<void> };

function About({ profile, onChange }: Props) {
  const [name, setName] = useState(profile.name);
  const [bio, setBio] = useState(profile.bio ?? '');
  const [state, setState] = useState<'changed' | 'saving' | 'saved'>('changed');
  const [error, setError] = useState<string | null>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setState('saving');
    setError(null);
    try {
      await onChange({ name: name.trim(), bio: bio.trim() || null });
      setState('saved');
    } catch (reason) {
      setError(describe(reason));
      setState('changed');
    }
  }

  return (
    <form className="composer" onSubmit={submit} onChange={() => setState('changed')}>
      <label>
        Name
        <input value={name} onChange={(event) => setName(event.target.value)} autoComplete="nickname" required />
      </label>
      <label>
        About you
        <textarea value={bio} onChange={(event) => setBio(event.target.value)} rows={3} />
      </label>
      <Problem text={error} />
      <div className="buttons">
        <button type="submit" className="button primary" disabled={!name.trim() || state === 'saving'}>
          Save
        </button>
        <span role="status">{state === 'saved' && 'Saved.'}</span>
      </div>
    </form>
  );
}

/**
 * The picture is kept under the member's own identity, where only they may write. Every upload has a
 * path of its own, so that no browser shows the former picture for the new one.
 */
function Picture({ profile, onChange }: Props) {
  const [error, setError] = useState<string | null>(null);
  const path = profile.profilePicturePath;

  async function upload(event: ChangeEvent<HTMLInputElement>) {
    const file = event.target.files?.[0];
    if (!file) return;
    setError(null);
    try {
      const stored = await uploadData({
        path: ({ identityId }) => `profile-pictures/${identityId}/${Date.now()}-${file.name}`,
        data: file,
      }).result;
      await onChange({ profilePicturePath: stored.path });
      if (path) await remove({ path });
    } catch (reason) {
      setError(describe(reason));
    }
  }

  async function discard(former: string) {
    setError(null);
    try {
      await onChange({ profilePicturePath: null });
      await remove({ path: former });
    } catch (reason) {
      setError(describe(reason));
    }
  }

  return (
    <div className="picture">
      {path ? <StorageImage key={path} path={path} alt="Your profile" /> : <Avatar name={profile.name} />}
      <label>
        Profile picture
        <input type="file" accept="image/*" onChange={upload} />
      </label>
      {path && (
        <button type="button" className="button" onClick={() => discard(path)}>
          Remove the picture
        </button>
      )}
      {path && <Details key={`details of ${path}`} path={path} />}
      <Problem text={error} />
    </div>
  );
}

/** What the backend has found out about the picture, as soon as it has. */
function Details({ path }: { path: string }) {
  const [found, setFound] = useState<Thumbnail | null>(null);

  useEffect(() => {
    const live = watchThumbnail(path).subscribe({ next: ({ items }) => setFound(items[0] ?? null), error: () => {} });
    return () => live.unsubscribe();
  }, [path]);

  return <p className="details">{found?.width && `${found.width} × ${found.height} pixels`}</p>;
}
