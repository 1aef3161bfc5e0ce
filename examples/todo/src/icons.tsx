function icon(path: string) {
  return () => (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

export const PlusIcon = icon('M10 4v12M4 10h12');
export const CheckIcon = icon('m4.5 10.5 3.6 3.6 7.4-8');
export const CloseIcon = icon('m5.5 5.5 9 9m0-9-9 9');
export const PencilIcon = icon('m12.6 4.4 3 3M4.5 15.5l.7-3.5 8-8a1.4 1.4 0 0 1 2 0l.8.8a1.4 1.4 0 0 1 0 2l-8 8-3.5.7Z');
export const TrashIcon = icon('M4 6h12M8 6V4.4c0-.5.4-.9.9-.9h2.2c.5 0 .9.4.9.9V6M5.6 6l.6 9.2c0 .7.6 1.3 1.3 1.3h5c.7 0 1.3-.6 1.3-1.3l.6-9.2M8.4 9v4.5m3.2-4.5v4.5');
export const AlertIcon = icon('M10 6.5v4m0 3v.1M10 2.8a7.2 7.2 0 1 1 0 14.4 7.2 7.2 0 0 1 0-14.4Z');
