import { generateClient } from 'aws-amplify/data';
import { useEffect, useMemo, useReducer, useState } from 'react';
import type { Schema } from '../amplify/data/resource';

export type Todo = Schema['Todo']['type'];

const client = generateClient<Schema>();

/** The shared list, live, with the operations on it. Newest first. */
export function useTodos() {
  const [{ listed, own }, dispatch] = useReducer(reduce, { listed: new Map(), own: new Map() });
  const [isLoading, setLoading] = useState(true);
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    const subscription = client.models.Todo.observeQuery().subscribe({
      next: ({ items, isSynced }) => {
        dispatch({ listed: items });
        if (isSynced) setLoading(false);
      },
      error: (reason) => {
        setLoading(false);
        setError(describe(reason));
      },
    });
    return () => subscription.unsubscribe();
  }, []);

  const todos = useMemo(() => merge(listed, own), [listed, own]);

  /** Runs one write and returns the todo it gave back; undefined if it failed. */
  async function write(operation: () => Promise<Result>) {
    try {
      const { data, errors } = await operation();
      if (errors?.length || !data) throw { errors };
      setError(null);
      return data;
    } catch (reason) {
      setError(describe(reason));
      return undefined;
    }
  }

  return {
    todos,
    isLoading,
    error,
    dismissError: () => setError(null),

    async create(content: string): Promise<boolean> {
      const todo = await write(() => client.models.Todo.create({ content, isDone: false }));
      if (todo) dispatch({ id: todo.id, change: { todo } });
      return todo !== undefined;
    },

    /** Shows the change at once, and takes it back if it fails. */
    async update(todo: Todo, values: Partial<Pick<Todo, 'content' | 'isDone'>>): Promise<void> {
      dispatch({ id: todo.id, change: { todo: { ...todo, ...values }, isPending: true } });
      const updated = await write(() => client.models.Todo.update({ id: todo.id, ...values }));
      dispatch({ id: todo.id, change: updated && { todo: updated } });
    },

    async remove({ id }: Todo): Promise<void> {
      if (await write(() => client.models.Todo.delete({ id }))) dispatch({ id, change: { todo: null } });
    },
  };
}

type Result = { data: Todo | null; errors?: readonly { message: string }[] };

/** What was written here; null stands for a deleted todo. Pending is what has no answer yet. */
type Change = { todo: Todo | null; isPending?: boolean };

type State = {
  /** What the live list says. */
  listed: ReadonlyMap<string, Todo>;
  /** What was written here and the live list does not show yet. */
  own: ReadonlyMap<string, Change>;
};

type Action = { listed: readonly Todo[] } | { id: string; change: Change | undefined };

function reduce(state: State, action: Action): State {
  if ('listed' in action) {
    const listed = new Map(action.listed.map((todo) => [todo.id, todo]));
    return { listed, own: without(state.own, listed) };
  }
  const own = new Map(state.own);
  if (action.change) own.set(action.id, action.change);
  else own.delete(action.id);
  return { listed: state.listed, own: without(own, state.listed) };
}

/** The changes that the live list does not show yet. */
function without(own: State['own'], listed: State['listed']): State['own'] {
  const rest = [...own].filter(([id, { todo, isPending }]) => {
    const seen = listed.get(id);
    return isPending || (todo ? !seen || seen.updatedAt < todo.updatedAt : seen);
  });
  return new Map(rest);
}

function merge(listed: State['listed'], own: State['own']): Todo[] {
  const byId = new Map(listed);
  for (const [id, { todo }] of own) {
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
