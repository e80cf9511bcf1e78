import type { AuditQueries } from './audit-queries.ts';
import { FIRST_PREV_HASH, type RawRow, RowHasher } from './raw-row.ts';
import type { ChainHead } from './signed-head.ts';

export interface Tampered {
  chain: string;
  seq: number;
  reason: string;
}

/** Told of rows that hold, in order. */
export type OnVerified = (chain: string, rows: readonly RawRow[], hasher: RowHasher) => void;

export interface ChainOptions {
  /** The last row that was pruned. */
  pruned: ChainHead | undefined;
  stop: AbortSignal | undefined;
  onVerified: OnVerified | undefined;
}

export interface VerifiedChain {
  rows: number;
  tampered?: Tampered;
}

/** Recomputes a chain's hashes up to the first that does not hold. */
export async function verifyChain(
  queries: AuditQueries,
  head: ChainHead,
  { pruned, stop, onVerified }: ChainOptions,
): Promise<VerifiedChain> {
  const walk = new Walk(head.chain, pruned);
  for await (const slice of queries.slices(head.chain)) {
    const tampered = stop?.aborted === true ? undefined : walk.over(slice, head);
    if (stop?.aborted === true || tampered !== undefined) {
      return { rows: walk.rows, ...(tampered && { tampered }) };
    }
    onVerified?.(head.chain, slice, walk.hasher);
  }
  const tampered = await walk.end(queries, head);
  return { rows: walk.rows, ...(tampered && { tampered }) };
}

class Walk {
  readonly hasher = new RowHasher();
  readonly #chain: string;
  readonly #first: number;
  #seq: number;
  #previous: string;

  constructor(chain: string, pruned: ChainHead | undefined) {
    this.#chain = chain;
    this.#first = pruned?.seq ?? 0;
    this.#seq = this.#first;
    this.#previous = pruned?.hash ?? FIRST_PREV_HASH;
  }

  get rows(): number {
    return this.#seq - this.#first;
  }

  over(slice: readonly RawRow[], head: ChainHead): Tampered | undefined {
    for (const row of slice) {
      const seq = Number(row.seq);
      if (seq <= this.#first) return this.#tampered('a row is there that was pruned, or never was', seq);
      if (seq !== this.#seq + 1) return this.#tampered('a row is missing');
      if (row.prev_hash !== this.#previous) {
        return this.#tampered('prev_hash is not the hash of the row before');
      }
      if (this.hasher.hash(this.#chain, row) !== row.hash) {
        return this.#tampered('the row does not have its hash');
      }
      this.#seq = seq;
      this.#previous = row.hash;
      if (seq === head.seq && row.hash !== head.hash) {
        return this.#tampered('the head has another hash', seq);
      }
    }
    return undefined;
  }

  /** Rows that a running writer appended after the head was read have moved the head as well. */
  async end(queries: AuditQueries, head: ChainHead): Promise<Tampered | undefined> {
    if (this.#seq < head.seq) return this.#tampered('rows are missing at the end');
    if (this.#seq === this.#first && head.hash !== this.#previous) {
      return this.#tampered('the head has another hash', this.#seq);
    }
    if (this.#seq === head.seq) return undefined;
    const now = await queries.head(this.#chain);
    if (now === undefined || now.seq < this.#seq) {
      return this.#tampered('the row is beyond the head', (now ?? head).seq + 1);
    }
    return now.seq === this.#seq && now.hash !== this.#previous
      ? this.#tampered('the head has another hash', this.#seq)
      : undefined;
  }

  #tampered(reason: string, seq = this.#seq + 1): Tampered {
    return { chain: this.#chain, seq, reason };
  }
}
