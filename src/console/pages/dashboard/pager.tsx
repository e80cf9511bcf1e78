import { useCallback, useState } from 'preact/hooks';
import { Button } from '../components/button.tsx';
import { count } from './format.ts';

export interface Pages {
  /** Where this page begins; undefined for the first. */
  cursor: string | undefined;
  /** From 1. */
  number: number;
  older: (cursor: string) => void;
  newer: () => void;
  first: () => void;
}

/** Which page of a list is shown. Each answer tells where the next begins, and none where the one before does. */
export function usePages(): Pages {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  return {
    cursor: cursors.at(-1),
    number: cursors.length + 1,
    older: useCallback((cursor: string) => {
      setCursors((before) => [...before, cursor]);
    }, []),
    newer: useCallback(() => {
      setCursors((before) => before.slice(0, -1));
    }, []),
    first: useCallback(() => {
      setCursors([]);
    }, []),
  };
}

export interface PagerProps {
  of: string;
  pages: Pages;
  /** The cursor of the next page, if there is one. */
  next: string | null;
}

export function Pager({ of, pages, next }: PagerProps) {
  return (
    <nav class="pages" aria-label={`Pages of ${of}`}>
      <Button disabled={pages.cursor === undefined} onClick={pages.newer}>
        Newer
      </Button>
      <span class="hint">page {count(pages.number)}</span>
      <Button
        disabled={next === null}
        onClick={() => {
          if (next !== null) pages.older(next);
        }}
      >
        Older
      </Button>
    </nav>
  );
}
