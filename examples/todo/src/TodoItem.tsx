import { type KeyboardEvent, useRef, useState } from 'react';
import { PencilIcon, TrashIcon } from './icons';
import type { Todo } from './useTodos';

type Props = {
  todo: Todo;
  onToggle: () => void;
  onRename: (content: string) => void;
  onDelete: () => void;
};

export function TodoItem({ todo, onToggle, onRename, onDelete }: Props) {
  const [isEditing, setEditing] = useState(false);
  const content = todo.content ?? '';

  function finish(text: string) {
    setEditing(false);
    if (text && text !== content) onRename(text);
  }

  return (
    <li className="item" data-done={!!todo.isDone}>
      <input
        type="checkbox"
        checked={!!todo.isDone}
        onChange={onToggle}
        aria-label={`Done: ${content}`}
      />
      {isEditing ? (
        <Editor content={content} onFinish={finish} onCancel={() => setEditing(false)} />
      ) : (
        <>
          <span className="content" onDoubleClick={() => setEditing(true)}>
            {content}
          </span>
          <button type="button" className="icon-button" aria-label={`Edit: ${content}`} onClick={() => setEditing(true)}>
            <PencilIcon />
          </button>
          <button type="button" className="icon-button danger" aria-label={`Delete: ${content}`} onClick={onDelete}>
            <TrashIcon />
          </button>
        </>
      )}
    </li>
  );
}

type EditorProps = { content: string; onFinish: (text: string) => void; onCancel: () => void };

function Editor({ content, onFinish, onCancel }: EditorProps) {
  const [text, setText] = useState(content);
  // Escape removes the field, and removing it blurs it: that must not save.
  const isCancelled = useRef(false);

  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    if (event.key === 'Enter') event.currentTarget.blur();
    if (event.key === 'Escape') {
      isCancelled.current = true;
      onCancel();
    }
  }

  return (
    <input
      className="editor"
      value={text}
      onChange={(event) => setText(event.target.value)}
      onKeyDown={onKeyDown}
      onBlur={() => !isCancelled.current && onFinish(text.trim())}
      onFocus={(event) => event.target.select()}
      aria-label={`New text for: ${content}`}
      autoFocus
    />
  );
}
