import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { Notice } from '../components/notice.tsx';
import type { ApiError } from './admin-api.ts';
import { explain } from './explain.ts';

/** Whether it is said once for the whole page that the service, or its database, is away. */
export const Away = createContext(false);
const SAID = new Set(['unavailable', 'unreachable']);

/** What went wrong and what to do next; nothing without an error. */
export function Problem({ of, error }: { of: string; error: ApiError | undefined }) {
  const isAway = useContext(Away);
  if (error === undefined || (isAway && SAID.has(error.code))) return null;
  const { what, next, requestId } = explain(error);
  return (
    <Notice kind="problem" title={`${of}: ${what}`}>
      <p>
        {next}
        {requestId !== undefined && (
          <>
            {' '}
            Request id: <code>{requestId}</code>
          </>
        )}
      </p>
    </Notice>
  );
}
