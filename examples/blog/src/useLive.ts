import { useCallback, useEffect, useMemo, useReducer, useState } from 'react';
import { describe } from './blog';

type Item = { id: string; updatedAt: string };

type Watch<Each> = () => {
  subscribe(observer: {
    next: (snapshot: { items: Each[]; isSynced: boolean }) => void;
    error: (reason: unknown) => void;
  }): { unsubscribe: () => void };
};

type State<Each> = {
  /** What the live list says. */
  listed: ReadonlyMap<string, Each>;
  /** What was written here and the live list does not show yet; null stands for deleted. */
  own: ReadonlyMap<string, Each | null>;
};

type Action<Each> = { listed: readonly Each[] } | { id: string; item: Each | null };

export type Live<Each> = {
  items: Each[];
  isLoading: boolean;
  error: string | null;
  /** Shows what was just written here, without waiting for its echo. */
  put: (item: Each) => void;
  remove: (id: string) => void;
  retry: () => void;
};

/** A list that follows the backend's. `watch` starts an observeQuery. */
export function useLive<Each extends Item>(watch: Watch<Each>): Live<Each> {
  const [{ listed, own }, dispatch] = useReducer(reduce<Each>, { listed: new Map(), own: new Map() });
  const [isLoading, setLoading] = useState(true);
  const [error, setError] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let isSynced = false;
    const subscription = watch().subscribe({
      next: (snapshot) => {
        dispatch({ listed: snapshot.items });
        if (!snapshot.isSynced) return;
        isSynced = true;
        setLoading(false);
        setError(null);
      },
      // A list that is there stays readable when its live connection fails; the badge tells that.
      error: (reason) => {
        setLoading(false);
        if (!isSynced) setError(describe(reason));
      },
    });
    return () => subscription.unsubscribe();
  }, [watch, attempt]);

  const items = useMemo(() => {
    const byId = new Map(listed);
    for (const [id, item] of own) {
      if (item) byId.set(id, item);
      else byId.delete(id);
    }
    return [...byId.values()];
  }, [listed, own]);

  return {
    items,
    isLoading,
    error,
    put: useCallback((item: Each) => dispatch({ id: item.id, item }), []),
    remove: useCallback((id: string) => dispatch({ id, item: null }), []),
    retry: useCallback(() => {
      setLoading(true);
      setError(null);
      setAttempt((count) => count + 1);
    }, []),
  };
}

function reduce<Each extends Item>(state: State<Each>, action: Action<Each>): State<Each> {
  const listed = 'listed' in action ? new Map(action.listed.map((item) => [item.id, item])) : state.listed;
  const own = new Map(state.own);
  if ('id' in action && !isNewer(own.get(action.id), action.item)) own.set(action.id, action.item);
  for (const [id, item] of own) {
    const seen = listed.get(id);
    if (item ? isNewer(seen, item) || seen?.updatedAt === item.updatedAt : !seen) own.delete(id);
  }
  return { listed, own };
}

function isNewer(one: Item | null | undefined, other: Item | null): boolean {
  return !!one && !!other && one.updatedAt > other.updatedAt;
}
