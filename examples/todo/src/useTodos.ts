import { generateClient } from 'aws-amplify/data';
import { useCallback, useEffect, useMemo, useState } from 'react';
import type { Schema } from '../amplify/data/resource';

export type Todo = Schema['Todo']['type'];

const client = generateClient<Schema>();

/** What a write gave back, kept until the live list shows it too; null stands for a deleted todo. */
type Written = ReadonlyMap<string, Todo | null>;

type Result = { data: unknown; errors?: readonly { message: string }[] };

/** The shared list, live, with the operations on it. Newest first. */
export function useTodos() {
  const [listed, setListed] = useState<readonly Todo[]>([]);
  const [written, setWritten] = useState<Written>(new Map());
  const [isLoading, setLoading] = useState(true);
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    const subscription = client.models.Todo.observeQuery().subscribe({
      next: ({ items, isSynced }) => {
        setListed(items);
        setWritten((before) => unconfirmed(before, items));
        if (isSynced) setLoading(false);
      },
      error: (reason) => {
        setLoading(false);
        setError(describe(reason));
      },
    });
    return () => subscription.unsubscribe();
  }, []);

  const todos = useMemo(() => merge(listed, written), [listed, written]);

  /** Runs one write; true if it succeeded. */
  const write = useCallback(async (operation: () => Promise<Result>, isDelete = false) => {
    try {
      const { data, errors } = await operation();
      if (errors?.length || !data) throw { errors };
      const todo = data as Todo;
      setWritten((before) => new Map(before).set(todo.id, isDelete ? null : todo));
      setError(null);
      return true;
    } catch (reason) {
      setError(describe(reason));
      return false;
    }
  }, []);

  return {
    todos,
    isLoading,
    error,
    dismissError: () => setError(null),
    create: (content: string) => write(() => client.models.Todo.create({ content, isDone: false })),
    update: (change: { id: string; content?: string; isDone?: boolean }) =>
      write(() => client.models.Todo.update(change)),
    remove: (id: string) => write(() => client.models.Todo.delete({ id }), true),
  };
}

function unconfirmed(written: Written, items: readonly Todo[]): Written {
  const listed = new Map(items.map((todo) => [todo.id, todo]));
  const rest = [...written].filter(([id, todo]) => {
    const seen = listed.get(id);
    return todo ? !seen || seen.updatedAt < todo.updatedAt : seen;
  });
  return new Map(rest);
}

function merge(listed: readonly Todo[], written: Written): Todo[] {
  const byId = new Map(listed.map((todo) => [todo.id, todo]));
  for (const [id, todo] of written) {
    if (todo) byId.set(id, todo);
    else byId.delete(id);
  }
  return [...byId.values()].sort(
    (one, other) => other.createdAt.localeCompare(one.createdAt) || one.id.localeCompare(other.id),
  );
}

/** The client reports failures as Error, as {errors: [...]} and as {error: {errors: [...]}}. */
function describe(reason: unknown): string {
  const { error, errors = error?.errors, message } = reason as {
    error?: { errors?: { message: string }[] };
    errors?: { message: string }[];
    message?: string;
  };
  return errors?.map((each) => each.message).join(' ') || message || 'Something went wrong.';
}
