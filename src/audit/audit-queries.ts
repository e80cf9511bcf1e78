import type { Database } from '../database/database.ts';
import { AUDIT_COLUMNS, type AuditRow, type StoredAuditRow, toAuditRow } from './audit-row.ts';
import { RAW_COLUMNS, type RawRow } from './raw-row.ts';
import type { ChainHead } from './signed-head.ts';

const PAGE = {
  name: 'audit_page',
  text: `SELECT ${AUDIT_COLUMNS} FROM audit_events
    WHERE ($1::text IS NULL OR project_hash = $1) AND ($2::text IS NULL OR event = $2)
      AND ($3::timestamptz IS NULL OR time >= $3) AND ($4::timestamptz IS NULL OR time < $4)
      AND ($5::timestamptz IS NULL OR (time, chain, seq) < ($5, $6, $7::bigint))
    ORDER BY time DESC, chain DESC, seq DESC LIMIT $8`,
};

const CHAINS = { name: 'audit_chains', text: 'SELECT chain, seq, hash FROM audit_heads ORDER BY chain' };
const HEAD = { name: 'audit_head', text: 'SELECT chain, seq, hash FROM audit_heads WHERE chain = $1' };
/** From chain to chain by the primary key: it does not read all rows. */
const CHAINS_OF_ROWS = `WITH RECURSIVE chains AS (
    (SELECT chain FROM audit_events ORDER BY chain LIMIT 1)
    UNION ALL
    SELECT (SELECT e.chain FROM audit_events e WHERE e.chain > c.chain ORDER BY e.chain LIMIT 1)
    FROM chains c WHERE c.chain IS NOT NULL
  )`;
const ORPHAN = {
  name: 'audit_orphan',
  text: `${CHAINS_OF_ROWS} SELECT chain, (SELECT min(seq) FROM audit_events e WHERE e.chain = c.chain) AS seq
    FROM chains c WHERE chain IS NOT NULL AND NOT EXISTS (SELECT FROM audit_heads h WHERE h.chain = c.chain)
    ORDER BY chain LIMIT 1`,
};
const ROWS = {
  name: 'audit_rows',
  text: `SELECT ${AUDIT_COLUMNS} FROM audit_events WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
};
const SLICE = {
  name: 'audit_slice',
  text: `SELECT ${RAW_COLUMNS} FROM audit_events WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
};
const HASHES = {
  name: 'audit_hashes',
  text: `SELECT e.hash FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w (chain, seq, position)
    LEFT JOIN audit_events e ON e.chain = w.chain AND e.seq = w.seq ORDER BY w.position`,
};
const LAST_BEFORE = {
  name: 'audit_last_before',
  text: 'SELECT seq FROM audit_events WHERE chain = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1',
};
const CHECKPOINTS = {
  name: 'audit_checkpoints',
  text: `SELECT id, kind, time, heads, key, signature FROM audit_checkpoints
    WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3`,
};

const EXPORT_BATCH = 1_000;
const SLICE_ROWS = 2_000;
const CHECKPOINT_BATCH = 1_000;
/** Below every seq, also below those that no writer wrote. */
const BEFORE_ALL = '-9223372036854775808';

export interface PageOptions {
  projectHash?: string | undefined;
  event?: string | undefined;
  /** Half-open: from <= time < to. */
  from?: string | undefined;
  to?: string | undefined;
  after?: { time: string; chain: string; seq: string } | undefined;
  limit: number;
}

/** As it is stored, which somebody may have changed. */
export interface StoredCheckpoint {
  id: string;
  kind: string;
  time: Date;
  heads: unknown;
  key: string;
  signature: string;
}

export class AuditQueries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Newest first. */
  async page({ projectHash, event, from, to, after, limit }: PageOptions): Promise<AuditRow[]> {
    const filters = [projectHash, event, from, to, after?.time, after?.chain, after?.seq];
    // pg sends undefined as NULL
    const rows = await this.#database.query<StoredAuditRow>(PAGE, [...filters, limit]);
    return rows.map(toAuditRow);
  }

  async heads(): Promise<ChainHead[]> {
    return (await this.#database.query<StoredHead>(CHAINS)).map(toHead);
  }

  async head(chain: string): Promise<ChainHead | undefined> {
    return (await this.#database.query<StoredHead>(HEAD, [chain])).map(toHead)[0];
  }

  /** The first row of a chain that has rows and no head. */
  async orphan(): Promise<{ chain: string; seq: number } | undefined> {
    const [row] = await this.#database.query<{ chain: string; seq: string }>(ORPHAN);
    return row && { chain: row.chain, seq: Number(row.seq) };
  }

  /** A chain's rows in order, some at a time, so that any length fits in memory. */
  async *rows(chain: string): AsyncGenerator<AuditRow> {
    let last = BEFORE_ALL;
    for (;;) {
      const rows = await this.#database.query<StoredAuditRow>(ROWS, [chain, last, EXPORT_BATCH]);
      for (const row of rows) yield toAuditRow(row);
      if (rows.length < EXPORT_BATCH) return;
      last = rows.at(-1)?.seq ?? last;
    }
  }

  /** The same rows raw, for those who judge them. The next slice is on its way while one is looked at. */
  async *slices(chain: string): AsyncGenerator<RawRow[]> {
    let next = this.#slice(chain, BEFORE_ALL);
    for (;;) {
      const rows = await next;
      const last = rows.at(-1);
      if (last === undefined) return;
      const more = rows.length === SLICE_ROWS;
      if (more) {
        next = this.#slice(chain, last.seq);
        // Whoever stops in between never asks for it.
        next.catch(() => undefined);
      }
      yield rows;
      if (!more) return;
    }
  }

  /** The hash of each of these rows; null where there is none. */
  async hashes(of: readonly ChainHead[]): Promise<(string | null)[]> {
    const values = [of.map(({ chain }) => chain), of.map(({ seq }) => seq)];
    return (await this.#database.query<{ hash: string | null }>(HASHES, values)).map(({ hash }) => hash);
  }

  /** The last seq of a chain below this one. */
  async lastBefore(chain: string, seq: number): Promise<number | undefined> {
    const [row] = await this.#database.query<{ seq: string }>(LAST_BEFORE, [chain, seq]);
    return row && Number(row.seq);
  }

  async *checkpoints(kind: 'head' | 'pruned'): AsyncGenerator<StoredCheckpoint[]> {
    let last = BEFORE_ALL;
    for (;;) {
      const rows = await this.#database.query<StoredCheckpoint>(CHECKPOINTS, [kind, last, CHECKPOINT_BATCH]);
      if (rows.length > 0) yield rows;
      if (rows.length < CHECKPOINT_BATCH) return;
      last = rows.at(-1)?.id ?? last;
    }
  }

  #slice(chain: string, after: string): Promise<RawRow[]> {
    return this.#database.query<RawRow>(SLICE, [chain, after, SLICE_ROWS]);
  }
}

interface StoredHead {
  chain: string;
  seq: string;
  hash: string;
}

function toHead({ chain, seq, hash }: StoredHead): ChainHead {
  return { chain, seq: Number(seq), hash };
}
