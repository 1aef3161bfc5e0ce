import type { CSSProperties, ReactNode } from 'react';
import { useEffect } from 'react';

/** A round initial, in a colour that stays with the name. */
export function Avatar({ name }: { name: string }) {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) % 360, 7);
  return (
    <span className="avatar" style={{ '--hue': hue } as CSSProperties} aria-hidden="true">
      {[...name.trim()][0]?.toUpperCase() ?? '?'}
    </span>
  );
}

/** Tells what went wrong, to screen readers too. */
export function Problem({ text, onRetry }: { text: string | null; onRetry?: () => void }) {
  if (!text) return null;
  return (
    <div className="problem" role="alert">
      <p>{text}</p>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ title, text, action }: { title: string; text?: string; action?: ReactNode }) {
  return (
    <section className="empty">
      <svg viewBox="0 0 48 48" aria-hidden="true">
        <path d="M13 6h15l8 8v28H13zM28 6v8h8M18 22h13M18 28h13M18 34h8" />
      </svg>
      <h1>{title}</h1>
      {text && <p>{text}</p>}
      {action}
    </section>
  );
}

/** Lines that stand where the text will be. */
export function Loading() {
  return (
    <div className="loading" role="status" aria-label="Loading">
      <span />
      <span />
      <span />
    </div>
  );
}

export function Day({ at }: { at: string }) {
  const text = new Date(at).toLocaleDateString('en', { day: 'numeric', month: 'long', year: 'numeric' });
  return <time dateTime={at}>{text}</time>;
}

/** What the browser's tab says while the page is shown. */
export function useTitle(title: string | null) {
  useEffect(() => {
    document.title = title ? `${title} · The Workshop Blog` : 'The Workshop Blog';
  }, [title]);
}

export function count(number: number, one: string, many: string): string {
  if (number === 0) return `No ${many}`;
  return number === 1 ? `1 ${one}` : `${number} ${many}`;
}
