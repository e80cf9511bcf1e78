import { SYSTEM_ORIGIN } from './audit-event.ts';
import { auditEntry } from './audit-entry.ts';
import type { AuditQueries } from './audit-queries.ts';
import type { RawRow, RowHasher } from './raw-row.ts';
import type { Database } from '../database/database.ts';
import type { ChainHead } from './signed-head.ts';
import type { HeadSigner, VerifyingKeys } from './signing-keys.ts';
import { type Tampered } from './verify-chain.ts';
import { verifyChains } from './verify-chains.ts';

const CHECKPOINT_BATCH = 1_000;

const PRUNE = { name: 'prune_chain', text: 'SELECT prune_chain($1) AS rows' };
const APPEND = { name: 'audit_append', text: 'SELECT audit_append($1, $2, false)' };
/** Heads that only tell of rows which are gone. */
const SPENT = {
  name: 'audit_spent_checkpoints',
  text: `SELECT id FROM audit_checkpoints c WHERE kind = 'head' AND time < $1 AND NOT EXISTS (
      SELECT FROM jsonb_to_recordset(c.heads) AS h (chain text, seq bigint) WHERE NOT EXISTS (
        SELECT FROM audit_checkpoints p WHERE p.kind = 'pruned'
          AND p.heads->0->>'chain' = h.chain AND (p.heads->0->>'seq')::bigint >= h.seq))
    ORDER BY id LIMIT $2`,
};
const FORGET = {
  name: 'audit_forget_checkpoints',
  text: 'DELETE FROM audit_checkpoints WHERE id = ANY ($1)',
};

export interface PruneOptions {
  /** Unix ms; rows of before it go, as far as no younger one precedes them in their chain. */
  before: number;
  now: number;
  /** Of the pruning's own row. */
  chain: string;
  signer: HeadSigner;
  keys: VerifyingKeys;
}

export type Pruned = { tampered: Tampered } | { tampered?: undefined; rows: number; chains: number };

/**
 * Deletes the oldest rows of each chain, once all of the audit was verified: what was tampered with is not destroyed.
 * Each transaction takes some rows of one chain and leaves a signed checkpoint in their place, so that a crash in
 * between leaves nothing that does not verify.
 */
export async function prune(
  database: Database,
  queries: AuditQueries,
  { before, now, chain, signer, keys }: PruneOptions,
): Promise<Pruned> {
  const ends = new PrefixEnds(before);
  const { tampered } = await verifyChains(queries, {
    keys,
    onVerified: (of, rows, hasher) => {
      ends.look(of, rows, hasher);
    },
  });
  if (tampered !== undefined) return { tampered };
  if (ends.rows === 0) return { rows: 0, chains: 0 };
  const limit = new Date(before).toISOString();
  const detail = { change: 'pruned', resource: 'audit', before: limit, rows: ends.rows } as const;
  const entry = auditEntry('config_changed', SYSTEM_ORIGIN, detail);
  await database.query(APPEND, [chain, JSON.stringify([entry])]);
  let rows = 0;
  for (const head of ends.all()) {
    const checkpoint = signer.sign({ kind: 'pruned', time: new Date(now).toISOString(), heads: [head] });
    const [pruned] = await database.query<{ rows: string }>(PRUNE, [JSON.stringify(checkpoint)]);
    rows += Number(pruned?.rows);
  }
  await forgetSpent(database, limit);
  return { rows, chains: ends.chains };
}

async function forgetSpent(database: Database, before: string): Promise<void> {
  for (;;) {
    const spent = await database.query<{ id: string }>(SPENT, [before, CHECKPOINT_BATCH]);
    if (spent.length > 0) await database.query(FORGET, [spent.map(({ id }) => id)]);
    if (spent.length < CHECKPOINT_BATCH) return;
  }
}

/** Of each chain's rows that are old, the last of every slice: one transaction takes no more. */
class PrefixEnds {
  readonly #before: string;
  readonly #ends = new Map<string, ChainHead[]>();
  readonly #closed = new Set<string>();
  rows = 0;

  constructor(before: number) {
    this.#before = new Date(before).toISOString();
  }

  get chains(): number {
    return this.#ends.size;
  }

  look(chain: string, rows: readonly RawRow[], hasher: RowHasher): void {
    if (this.#closed.has(chain)) return;
    const young = rows.findIndex((row) => (hasher.timeOf(row) ?? '') >= this.#before);
    const old = young === -1 ? rows : rows.slice(0, young);
    if (young !== -1) this.#closed.add(chain);
    const last = old.at(-1);
    if (last === undefined) return;
    this.rows += old.length;
    const ends = this.#ends.get(chain) ?? [];
    this.#ends.set(chain, ends);
    ends.push({ chain, seq: Number(last.seq), hash: last.hash });
  }

  all(): ChainHead[] {
    return [...this.#ends.values()].flat();
  }
}
