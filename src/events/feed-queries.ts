import { AUDIT_COLUMNS, type AuditRow, type StoredAuditRow, toAuditRow } from '../audit/audit-row.ts';
import type { Database } from '../database/database.ts';

/** Those that may have moved since $1: a head is written before its transaction commits, and a statement has an end. */
const HEADS = {
  name: 'feed_heads',
  text: `SELECT chain, seq, clock_timestamp() AS now FROM audit_heads
    WHERE $1::timestamptz IS NULL OR at >= $1::timestamptz - interval '1 minute'`,
};

/** Of each chain what comes after one row, up to another. */
export const FEED_ROWS = {
  name: 'feed_rows',
  text: `SELECT ${AUDIT_COLUMNS} FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS asked (of_chain, after, last),
      LATERAL (SELECT * FROM audit_events WHERE chain = of_chain AND seq > after AND seq <= last ORDER BY seq) AS rows
    ORDER BY time, chain, seq`,
};

const SLOTS = { name: 'feed_slots', text: 'SELECT project_hash, taken FROM project_slots' };

/** Where the chains stand, at a time of the database. */
export interface Heads {
  seqs: Map<string, number>;
  now: Date | undefined;
}

/** Rows of a chain: after < seq <= last. */
export interface ChainRange {
  chain: string;
  after: number;
  last: number;
}

export class FeedQueries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Of all chains, or of those that have moved since a time. */
  async heads(since: Date | undefined): Promise<Heads> {
    const rows = await this.#database.query<{ chain: string; seq: string; now: Date }>(HEADS, [
      since ?? null,
    ]);
    return { seqs: new Map(rows.map(({ chain, seq }) => [chain, Number(seq)])), now: rows[0]?.now };
  }

  async rows(ranges: readonly ChainRange[]): Promise<AuditRow[]> {
    const rows = await this.#database.query<StoredAuditRow>(FEED_ROWS, [
      ranges.map(({ chain }) => chain),
      ranges.map(({ after }) => after),
      ranges.map(({ last }) => last),
    ]);
    return rows.map(toAuditRow);
  }

  /** How many sessions of each project hold a slot, by its pseudonym. */
  async slots(): Promise<Map<string, number>> {
    const rows = await this.#database.query<{ project_hash: string; taken: number }>(SLOTS);
    return new Map(rows.map(({ project_hash: hash, taken }) => [hash, taken]));
  }
}
