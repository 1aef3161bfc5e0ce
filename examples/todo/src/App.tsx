import { type FormEvent, useState } from 'react';
import { AlertIcon, CheckIcon, CloseIcon, PlusIcon } from './icons';
import { ProgressRing } from './ProgressRing';
import { TodoItem } from './TodoItem';
import { type Connection, useConnection } from './useConnection';
import { type Todo, useTodos } from './useTodos';

const filters = {
  all: { label: 'All', matches: () => true, empty: 'Nothing to do yet. Add your first task above.' },
  active: { label: 'Active', matches: (todo: Todo) => !todo.isDone, empty: 'All done. Enjoy the rest of your day!' },
  done: { label: 'Done', matches: (todo: Todo) => !!todo.isDone, empty: 'No task is done yet.' },
};

type Filter = keyof typeof filters;

export function App() {
  const { todos, isLoading, error, dismissError, create, update, remove } = useTodos();
  const [filter, setFilter] = useState<Filter>('all');
  const shown = todos.filter(filters[filter].matches);
  const done = todos.filter(filters.done.matches).length;

  return (
    <main className="page">
      <header className="header">
        <div>
          <p className="date">{today()}</p>
          <h1>Things to do</h1>
          <p className="summary" role="status">
            {isLoading ? 'Loading…' : summary(todos.length, done)}
          </p>
        </div>
        <ProgressRing done={done} total={todos.length} />
      </header>

      <NewTodo onCreate={create} />

      {error && (
        <div className="error" role="alert">
          <AlertIcon />
          <p>{error}</p>
          <button type="button" className="icon-button" aria-label="Dismiss the message" onClick={dismissError}>
            <CloseIcon />
          </button>
        </div>
      )}

      <section className="card" aria-label="Tasks" aria-busy={isLoading}>
        <div className="toolbar">
          <div className="filters" role="group" aria-label="Show">
            {(Object.keys(filters) as Filter[]).map((name) => (
              <button type="button" key={name} aria-pressed={name === filter} onClick={() => setFilter(name)}>
                {filters[name].label}
                <span className="count">{todos.filter(filters[name].matches).length}</span>
              </button>
            ))}
          </div>
          <ConnectionBadge />
        </div>

        <ul className="list">
          {shown.map((todo) => (
            <TodoItem
              key={todo.id}
              todo={todo}
              onToggle={() => update(todo, { isDone: !todo.isDone })}
              onRename={(content) => update(todo, { content })}
              onDelete={() => remove(todo)}
            />
          ))}
        </ul>
        {!isLoading && shown.length === 0 && (
          <p className="empty">
            <CheckIcon />
            {filters[filter].empty}
          </p>
        )}
      </section>

      <footer className="hint">
        Open this page in a second window: whatever you change in one, the other shows at once.
      </footer>
    </main>
  );
}

function NewTodo({ onCreate }: { onCreate: (content: string) => Promise<boolean> }) {
  const [content, setContent] = useState('');

  async function submit(event: FormEvent) {
    event.preventDefault();
    const text = content.trim();
    if (!text) return;
    setContent('');
    // What was typed comes back when it could not be saved, unless something new was typed meanwhile.
    if (!(await onCreate(text))) setContent((now) => now || text);
  }

  return (
    <form className="new" onSubmit={submit}>
      <input
        value={content}
        onChange={(event) => setContent(event.target.value)}
        placeholder="What needs to be done?"
        aria-label="New task"
        autoComplete="off"
        autoFocus
      />
      <button type="submit" disabled={!content.trim()}>
        <PlusIcon />
        <span>Add</span>
      </button>
    </form>
  );
}

const badges: Record<Connection, { label: string; title: string }> = {
  live: { label: 'Live', title: 'Changes made elsewhere appear here at once' },
  connecting: { label: 'Connecting', title: 'Connecting for live updates' },
  offline: { label: 'Not live', title: 'Changes made elsewhere appear after a reload' },
};

function ConnectionBadge() {
  const connection = useConnection();
  const { label, title } = badges[connection];
  return (
    <span className="badge" data-state={connection} title={title}>
      {label}
    </span>
  );
}

function summary(total: number, done: number): string {
  if (total === 0) return 'A clean slate';
  if (done === total) return total === 1 ? 'Your only task is done' : `All ${total} tasks are done`;
  const left = total - done;
  return `${left} ${left === 1 ? 'task' : 'tasks'} left`;
}

function today(): string {
  return new Date().toLocaleDateString('en', { weekday: 'long', day: 'numeric', month: 'long' });
}
