import { useEffect, useMemo, useState } from 'preact/hooks';
import { Talk, type TalkState } from './talk.ts';

/** The page's one conversation, and what is shown of it; it ends with the page. */
export function useTalk(): [Talk, TalkState] {
  const talk = useMemo(() => new Talk(), []);
  const [state, setState] = useState(talk.state);
  useEffect(() => {
    const leave = (): void => {
      talk.leave();
    };
    const unsubscribe = talk.subscribe(() => {
      setState(talk.state);
    });
    addEventListener('pagehide', leave);
    return () => {
      removeEventListener('pagehide', leave);
      unsubscribe();
      talk.leave();
    };
  }, [talk]);
  return [talk, state];
}
