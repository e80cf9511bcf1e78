import type { Database } from '../database/database.ts';
import { AUDIT_COLUMNS, type AuditRow, type StoredAuditRow, toAuditRow } from './audit-row.ts';

const PAGE = {
  name: 'audit_page',
  text: `SELECT ${AUDIT_COLUMNS} FROM audit_events
    WHERE ($1::text IS NULL OR project_hash = $1) AND ($2::text IS NULL OR event = $2)
      AND ($3::timestamptz IS NULL OR time >= $3) AND ($4::timestamptz IS NULL OR time < $4)
      AND ($5::timestamptz IS NULL OR (time, chain, seq) < ($5, $6, $7::bigint))
    ORDER BY time DESC, chain DESC, seq DESC LIMIT $8`,
};

const CHAINS = { name: 'audit_chains', text: 'SELECT chain, seq, hash FROM audit_heads ORDER BY chain' };
const ORPHANS = {
  name: 'audit_orphans',
  text: `SELECT DISTINCT chain FROM audit_events e WHERE NOT EXISTS (SELECT FROM audit_heads h WHERE h.chain = e.chain)
    ORDER BY chain`,
};
const SLICE = {
  name: 'audit_slice',
  text: `SELECT ${AUDIT_COLUMNS} FROM audit_events WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
};

export interface PageOptions {
  projectHash?: string | undefined;
  event?: string | undefined;
  /** Half-open: from <= time < to. */
  from?: string | undefined;
  to?: string | undefined;
  after?: { time: string; chain: string; seq: string } | undefined;
  limit: number;
}

export interface ChainHead {
  chain: string;
  seq: number;
  hash: string;
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
    const rows = await this.#database.query<{ chain: string; seq: string; hash: string }>(CHAINS);
    return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
  }

  /** Chains that have rows and no head. */
  async orphans(): Promise<string[]> {
    return (await this.#database.query<{ chain: string }>(ORPHANS)).map(({ chain }) => chain);
  }

  /** A chain's rows in order, some at a time, so that any length fits in memory. */
  async *rows(chain: string, batch: number): AsyncGenerator<AuditRow> {
    let last = 0;
    for (;;) {
      const rows = await this.#database.query<StoredAuditRow>(SLICE, [chain, last, batch]);
      for (const row of rows) yield toAuditRow(row);
      if (rows.length < batch) return;
      last = Number(rows.at(-1)?.seq);
    }
  }
}
