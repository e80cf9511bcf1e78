import type { AuditRow } from '../audit/audit-row.ts';
import type { ChainRange, FeedQueries } from './feed-queries.ts';

/** Rows that are told of one look at the audit: a busy service writes thousands in a second. */
const MAX_ROWS = 200;

export interface TailRows {
  rows: AuditRow[];
  /** How many there were beside the newest. */
  skipped: number;
}

/**
 * Follows all chains from where they stand when it begins. A chain has one writer, whose transactions take turns: what
 * has the next number also commits next. So nothing becomes visible behind a position that was passed, as it would in an
 * order by time.
 */
export class AuditTail {
  readonly #queries: FeedQueries;
  #seen: Map<string, number> | undefined;
  #since: Date | undefined;

  constructor(queries: FeedQueries) {
    this.#queries = queries;
  }

  /** What committed since the last call; nothing at the first. After a failure the next call brings it. */
  async next(): Promise<TailRows> {
    const { seqs, now } = await this.#queries.heads(this.#since);
    if (this.#seen === undefined) {
      this.#seen = seqs;
      this.#since = now;
      return { rows: [], skipped: 0 };
    }
    const seen = this.#seen;
    const moved = [...seqs]
      .map(([chain, last]) => ({ chain, after: seen.get(chain) ?? 0, last }))
      .filter(({ after, last }) => last > after);
    const ranges = newest(moved);
    const rows = ranges.length === 0 ? [] : await this.#queries.rows(ranges);
    for (const { chain, last } of moved) seen.set(chain, last);
    this.#since = now ?? this.#since;
    return { rows, skipped: count(moved) - count(ranges) };
  }
}

/** As many as may be told, and of each chain as many as of the others. */
function newest(ranges: readonly ChainRange[]): ChainRange[] {
  if (count(ranges) <= MAX_ROWS) return [...ranges];
  const each = Math.max(Math.floor(MAX_ROWS / ranges.length), 1);
  return ranges
    .slice(0, MAX_ROWS)
    .map(({ chain, after, last }) => ({ chain, after: Math.max(after, last - each), last }));
}

function count(ranges: readonly ChainRange[]): number {
  return ranges.reduce((sum, { after, last }) => sum + last - after, 0);
}
