import { useEffect, useRef, useState } from 'preact/hooks';
import { type MetricsTotals, toTotals } from '../metrics.ts';
import type { AdminApi, ApiError } from './admin-api.ts';
import type { StreamMessage } from './event-parser.ts';
import { followEvents } from './live-stream.ts';
import type { AuditRow, Live } from './types.ts';

export interface LiveState {
  /** `stale`: what is shown was so when it was last connected. */
  connection: 'connecting' | 'live' | 'stale';
  error: ApiError | undefined;
  /** Whether the service reaches its database. */
  reachable: boolean;
  total: number | undefined;
  byProject: Readonly<Record<string, number>>;
  totals: MetricsTotals | undefined;
}

export interface LiveHandlers {
  /** From now on nothing is missed; before, something may have been. */
  onSnapshot: () => void;
  onSession: () => void;
  onAudit: (row: AuditRow) => void;
}

const NOTHING: LiveState = {
  connection: 'connecting',
  error: undefined,
  reachable: true,
  total: undefined,
  byProject: {},
  totals: undefined,
};

/** What the stream of events told so far. */
export function useLive(api: AdminApi, handlers: LiveHandlers): LiveState {
  const [state, setState] = useState(NOTHING);
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => {
    const end = new AbortController();
    void followEvents(
      api,
      {
        onMessage: (message) => {
          setState((before) => next(before, message));
          notify(latest.current, message);
        },
        onLost: (error) => {
          setState((before) => ({ ...before, connection: 'stale', error }));
        },
      },
      end.signal,
    );
    return () => {
      end.abort();
    };
  }, [api]);
  return state;
}

function notify(handlers: LiveHandlers, { event, data }: StreamMessage): void {
  if (event === 'snapshot') handlers.onSnapshot();
  if (event === 'session') handlers.onSession();
  if (event === 'audit') handlers.onAudit(data as AuditRow);
  // Some rows were left out, or could not be asked for: what is shown is loaded anew.
  if (event === 'skipped' || event === 'database') handlers.onSnapshot();
}

/** What is known after one more message. */
export function next(before: LiveState, { event, data }: StreamMessage): LiveState {
  const state: LiveState = { ...before, connection: 'live', error: undefined };
  if (event === 'snapshot') {
    const { database, live, totals } = data as {
      database: { reachable: boolean };
      live: Live | null;
      totals: unknown;
    };
    const known = { ...state, reachable: database.reachable, totals: toTotals(totals) };
    return live === null ? known : withLive({ ...known, byProject: {} }, live);
  }
  if (event === 'live') return withLive(state, data as Live);
  if (event === 'totals') return { ...state, totals: toTotals(data) };
  if (event === 'database') return { ...state, reachable: (data as { reachable: boolean }).reachable };
  return state;
}

function withLive(state: LiveState, { total, projects }: Live): LiveState {
  const changed = Object.fromEntries(projects.map(({ project_id: id, live }) => [id, live]));
  return { ...state, total, byProject: { ...state.byProject, ...changed } };
}
