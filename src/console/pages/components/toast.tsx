import { useEffect, useState } from 'preact/hooks';

const SHOWN_MS = 4_000;

type Listener = (text: string) => void;
let listener: Listener | undefined;

/** Says something in passing, also to who does not see it. */
export function toast(text: string): void {
  listener?.(text);
}

/** The one place of such messages on a page. */
export function Toasts() {
  const [text, setText] = useState('');
  useEffect(() => {
    listener = setText;
    return () => {
      listener = undefined;
    };
  }, []);
  useEffect(() => {
    if (text === '') return undefined;
    const timer = setTimeout(() => {
      setText('');
    }, SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {text !== '' && <p class="toast">{text}</p>}
    </div>
  );
}
