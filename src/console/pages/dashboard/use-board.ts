import { useCallback, useRef, useState } from 'preact/hooks';
import { fetchMetricsJson } from '../metrics.ts';
import { baseUrl } from '../support/settings.ts';
import type { AdminApi } from './admin-api.ts';
import type { AuditRow, ProjectList, Stats } from './types.ts';
import { type LiveState, useLive } from './use-live.ts';
import { type Loaded, useEvery, useLoad, useSoon } from './use-load.ts';

const HOUR_MS = 3_600_000;
/** How soon after something happened it is asked what is so now: much that happens at once is asked for once. */
const SOON_MS = 700;
const STATS_SOON_MS = 3_000;
/** The longer the range, the more it costs and the less one session shows in it. */
const STATS_SHARE = 2_400;
const STATS_SLOWEST_MS = 60_000;
/** What no event tells of: conditions, and that time passes. */
const REFRESH_MS = 15_000;
const CONFIGURATION = /^(vault_key_(saved|rotated|deleted)|config_changed)$/;

/** A number, and how to make it another, soon. */
function useRevision(milliseconds: number): [number, () => void] {
  const [revision, setRevision] = useState(0);
  const advance = useSoon(() => {
    setRevision((before) => before + 1);
  }, milliseconds);
  return [revision, advance];
}

function useStats(api: AdminApi, rangeMs: number) {
  /** By the service: this machine's clock may be wrong. */
  const now = useRef<string | undefined>(undefined);
  const load = useCallback(async () => {
    if (rangeMs !== HOUR_MS) now.current ??= (await api.get<Stats>('stats')).now;
    const from =
      now.current === undefined ? undefined : new Date(Date.parse(now.current) - rangeMs).toISOString();
    const stats = await api.get<Stats>(
      rangeMs === HOUR_MS || from === undefined ? 'stats' : `stats?from=${from}`,
    );
    now.current = stats.now;
    return stats;
  }, [api, rangeMs]);
  return useLoad(load);
}

export interface BoardData {
  live: LiveState;
  stats: Loaded<Stats>;
  projects: Loaded<ProjectList>;
  /** Numbers that change when there is something new to load. */
  revisions: { sessions: number; rows: number; configuration: number };
  /** Told of a change that was made here. */
  onSession: () => void;
}

/** What all parts of the dashboard share, kept up to date by the stream. */
export function useBoard(api: AdminApi, rangeMs: number): BoardData {
  const stats = useStats(api, rangeMs);
  const projects = useLoad(useCallback(() => api.get<ProjectList>('projects'), [api]));
  const metrics = useLoad(useCallback(() => fetchMetricsJson(baseUrl), []));
  const [sessions, onSession] = useRevision(SOON_MS);
  const [rows, onRow] = useRevision(SOON_MS);
  const [configuration, onConfiguration] = useRevision(SOON_MS);
  const pace = Math.min(rangeMs / STATS_SHARE, STATS_SLOWEST_MS);
  const statsSoon = useSoon(stats.reload, Math.max(STATS_SOON_MS, pace));
  const projectsSoon = useSoon(projects.reload, SOON_MS);
  const changed = (): void => {
    onConfiguration();
    projectsSoon();
  };
  const live = useLive(api, {
    onSnapshot: () => {
      onSession();
      onRow();
      changed();
      statsSoon();
    },
    onSession: () => {
      onSession();
      statsSoon();
    },
    onAudit: ({ event }: AuditRow) => {
      onRow();
      if (CONFIGURATION.test(event)) changed();
    },
  });
  const isLive = live.connection === 'live';
  useEvery(stats.reload, Math.max(REFRESH_MS, pace));
  useEvery(() => {
    projects.reload();
    if (!isLive) metrics.reload();
  }, REFRESH_MS);
  const totals = isLive ? live.totals : (metrics.value ?? live.totals);
  return {
    live: { ...live, totals },
    stats,
    projects,
    revisions: { sessions, rows, configuration },
    onSession,
  };
}
