import { sessionIdAt } from '../common/ids.ts';
import type { Database } from '../database/database.ts';
import type { StatsRange } from './stats-range.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Ids have their process's time, rows the database's: an index is read this much further. */
const SKEW_MS = 5 * 60 * 1000;
/** Longer than the statement may take: rows that it sees are not newer than that. */
const MEANWHILE_MS = 10_000;
/** Sessions are deleted eight days after they opened, and none is longer than one. */
const LEVEL_KNOWN_MS = 7 * DAY_MS;

/**
 * From the audit, which has every step of every session, also of those that are deleted: one pass over the rows of the
 * range, by the index on their time. $1 to $2 is what was asked for, in steps of $3 seconds, of which $4 are read. They
 * are counted one by one: grouped by a computed time, all rows of a long range would be sorted on the disk. How many
 * are live at $2: now, if $5 says so, by `taken`, and then steps are read on to the newest row, for each change of
 * `taken` commits with its row; else at an earlier time, by the sessions of the ids $6 to $7.
 */
export const STATS_COUNTS = {
  name: 'stats_counts',
  text: `WITH counted AS MATERIALIZED (
      SELECT step, project_hash, event, what, hits, CASE event WHEN 'auth_rejected' THEN sampled ELSE n END AS n
      FROM (SELECT $1::timestamptz + nth * make_interval(secs => $3::integer) AS step
          FROM generate_series(0, $4::integer - 1) AS nth) AS steps,
        LATERAL (SELECT project_hash, event, count(*) AS n,
            CASE event WHEN 'session_created' THEN detail->>'flow' WHEN 'session_error' THEN detail->>'code' END AS what,
            count(*) FILTER (WHERE event = 'session_created' AND detail ? 'key_fingerprint') AS hits,
            sum((detail->>'count')::integer) FILTER (WHERE event = 'auth_rejected') AS sampled
          FROM audit_events WHERE time >= step AND time < step + make_interval(secs => $3::integer)
            AND event IN ('vault_key_loaded', 'session_created', 'session_error', 'session_released', 'session_expired',
              'session_terminated', 'auth_rejected')
          GROUP BY project_hash, event, what) AS of_step
    )
    SELECT step, NULL AS project_hash, event, what, sum(n)::bigint AS n, sum(hits)::bigint AS hits
      FROM counted GROUP BY step, event, what
    UNION ALL SELECT NULL, project_hash, event, NULL, sum(n)::bigint, 0 FROM counted
      WHERE step < $2::timestamptz AND project_hash IS NOT NULL
        AND event IN ('vault_key_loaded', 'session_created', 'session_error')
      GROUP BY project_hash, event
    UNION ALL SELECT NULL, NULL, 'live', NULL, CASE WHEN $5::boolean
      THEN (SELECT coalesce(sum(taken), 0)::bigint FROM project_slots)
      ELSE (SELECT count(*) FROM sessions WHERE id >= $6::text AND id < $7::text
        AND opened_at < $2::timestamptz AND (ended_at IS NULL OR ended_at >= $2::timestamptz)) END, 0`,
};

/** Milliseconds from a slot to a session, of the steps and, without a step, of the whole range. */
export const STATS_LATENCY = {
  name: 'stats_latency',
  text: `SELECT step, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ms) AS quantiles FROM (
      SELECT date_bin(make_interval(secs => $3::integer), opened_at, $1::timestamptz) AS step,
        extract(epoch FROM activated_at - opened_at)::float8 * 1000 AS ms
      FROM sessions WHERE id >= $4::text AND id < $5::text AND activated_at IS NOT NULL
        AND opened_at >= $1::timestamptz AND opened_at < $2::timestamptz) opened
    GROUP BY GROUPING SETS ((step), ())`,
};

/** What costs the same however many rows there are: chains are few, and the rows of each are numbered without gaps. */
const FACTS = {
  name: 'stats_facts',
  text: `SELECT clock_timestamp() AS now, (SELECT min(time) FROM audit_events) AS oldest, h.chains, h.rows - p.rows AS rows,
      s.time AS signed_at, s.key, s.heads
    FROM (SELECT count(*)::integer AS chains, coalesce(sum(seq), 0) AS rows FROM audit_heads) h,
      (SELECT coalesce(sum(seq), 0) AS rows FROM (SELECT max((heads->0->>'seq')::bigint) AS seq
        FROM audit_checkpoints WHERE kind = 'pruned' GROUP BY heads->0->>'chain') pruned) p
      LEFT JOIN (SELECT time, key, heads FROM audit_checkpoints WHERE kind = 'head' ORDER BY id DESC LIMIT 1) s ON true`,
};

const QUOTAS = {
  name: 'stats_quotas',
  text: `SELECT subject, used FROM quotas
    WHERE subject = ANY ($1) AND month = date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date`,
};

export interface StatsFacts {
  now: Date;
  /** Of the oldest audit row; null without rows. */
  oldest: Date | null;
  chains: number;
  rows: string;
  signed_at: Date | null;
  key: string | null;
  heads: { chain: string; seq: number }[] | null;
}

/** So many events of a step, or of a project. */
export interface CountRow {
  step: Date | null;
  project_hash: string | null;
  event: string;
  what: string | null;
  n: string;
  hits: string;
}

export interface Counts {
  rows: CountRow[];
  /** How many sessions held a slot at the end of the range; undefined where nobody knows any more. */
  liveAtEnd: number | undefined;
}

/** The median and the 95th percentile. */
export type Quantiles = [number, number];

export class StatsQueries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async facts(): Promise<StatsFacts> {
    const [facts] = await this.#database.query<StatsFacts>(FACTS);
    if (facts === undefined) throw new TypeError('one row of facts was asked for');
    return facts;
  }

  async counts({ from, to, stepMs }: StatsRange, now: number): Promise<Counts> {
    const open = to >= now;
    const steps = (to - from) / stepMs + (open ? Math.ceil(MEANWHILE_MS / stepMs) : 0);
    const ids = [sessionIdAt(Math.max(to - DAY_MS - SKEW_MS, 0)), sessionIdAt(to + SKEW_MS)];
    const rows = await this.#database.query<CountRow>(STATS_COUNTS, [
      new Date(from),
      new Date(to),
      stepMs / 1000,
      steps,
      open,
      ...ids,
    ]);
    const live = Number(rows.find(({ event }) => event === 'live')?.n);
    return {
      rows: rows.filter(({ event }) => event !== 'live'),
      liveAtEnd: to > now - LEVEL_KNOWN_MS ? live : undefined,
    };
  }

  /** By the beginning of each step in Unix ms; under `undefined` of the whole range. */
  async latency({ from, to, stepMs }: StatsRange): Promise<Map<number | undefined, Quantiles>> {
    const rows = await this.#database.query<{ step: Date | null; quantiles: Quantiles | null }>(
      STATS_LATENCY,
      [
        new Date(from),
        new Date(to),
        stepMs / 1000,
        sessionIdAt(Math.max(from - SKEW_MS, 0)),
        sessionIdAt(to + SKEW_MS),
      ],
    );
    // Without sessions there is a row of the whole range all the same.
    return new Map(
      rows.flatMap(({ step, quantiles }) => (quantiles === null ? [] : [[step?.getTime(), quantiles]])),
    );
  }

  /** Sessions of this month by subject; absent for those that used none. */
  async quotas(subjects: readonly string[]): Promise<Map<string, number>> {
    if (subjects.length === 0) return new Map();
    const rows = await this.#database.query<{ subject: string; used: string }>(QUOTAS, [subjects]);
    return new Map(rows.map(({ subject, used }) => [subject, Number(used)]));
  }
}
