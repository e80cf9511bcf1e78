import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type ApiError, toApiError } from './admin-api.ts';
import { OneAtATime } from './one-at-a-time.ts';

export interface Loaded<T> {
  /** The last that was loaded; it stays while a later attempt fails. */
  value: T | undefined;
  /** Of the last attempt. */
  error: ApiError | undefined;
  reload: () => void;
}

/**
 * Loads when it is first drawn, whenever `load` is another one, and when it is told to: one at a time. Answers to
 * another `load` are dropped.
 */
export function useLoad<T>(load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: ApiError }>({});
  const current = useRef<OneAtATime<T> | undefined>(undefined);
  useEffect(() => {
    const asking = new OneAtATime(
      load,
      (value) => {
        setState({ value });
      },
      (error) => {
        setState(({ value }) => ({ value, error: toApiError(error) }));
      },
    );
    current.current = asking;
    asking.reload();
    return () => {
      asking.stop();
    };
  }, [load]);
  const reload = useCallback(() => {
    current.current?.reload();
  }, []);
  return { value: state.value, error: state.error, reload };
}

/** Instead of rows, where there are none: what there is none of is known once it was loaded. */
export function emptyText({ value, error }: Pick<Loaded<unknown>, 'value' | 'error'>, none: string): string {
  if (value !== undefined) return none;
  return error === undefined ? 'Loading …' : 'Not loaded.';
}

/** Calls back once, some time after the first of many reasons. */
export function useSoon(callback: () => void, milliseconds: number): () => void {
  const latest = useRef(callback);
  latest.current = callback;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
    },
    [],
  );
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, milliseconds);
  }, [milliseconds]);
}

/** A yes stays for some time after it is over. */
export function useLingering(value: boolean, milliseconds: number): boolean {
  const [lingers, setLingers] = useState(value);
  useEffect(() => {
    if (value) {
      setLingers(true);
      return undefined;
    }
    const timer = setTimeout(() => {
      setLingers(false);
    }, milliseconds);
    return () => {
      clearTimeout(timer);
    };
  }, [value, milliseconds]);
  return value || lingers;
}

/** Calls back at an interval, for as long as it is drawn. */
export function useEvery(callback: () => void, milliseconds: number): void {
  const latest = useRef(callback);
  latest.current = callback;
  useEffect(() => {
    const timer = setInterval(() => {
      latest.current();
    }, milliseconds);
    return () => {
      clearInterval(timer);
    };
  }, [milliseconds]);
}
