import type { AuditQueries, ChainHead } from './audit-queries.ts';
import { auditHash, FIRST_PREV_HASH } from './audit-row.ts';

const BATCH = 1_000;

export interface Tampered {
  chain: string;
  seq: number;
  reason: string;
}

export interface Verified {
  chains: number;
  rows: number;
  tampered: Tampered | undefined;
  /** False when it was told to stop before the last row. */
  complete: boolean;
}

/** Recomputes every hash of every chain, up to the first that does not hold, or until it is told to stop. */
export async function verifyChains(queries: AuditQueries, stop?: AbortSignal): Promise<Verified> {
  const result: Verified = { chains: 0, rows: 0, tampered: undefined, complete: true };
  const [orphan] = await queries.orphans();
  if (orphan !== undefined) {
    return { ...result, tampered: { chain: orphan, seq: 1, reason: 'the chain has rows and no head' } };
  }
  for (const head of await queries.heads()) {
    result.chains += 1;
    const { rows, tampered } = await verifyChain(queries, head, stop);
    result.rows += rows;
    if (tampered !== undefined) return { ...result, tampered };
    if (stop?.aborted === true) return { ...result, complete: false };
  }
  return result;
}

/** Rows that a running writer appends after the head was read are verified with the rest. */
async function verifyChain(
  queries: AuditQueries,
  head: ChainHead,
  stop: AbortSignal | undefined,
): Promise<{ rows: number; tampered?: Tampered }> {
  let previous = FIRST_PREV_HASH;
  let seq = 0;
  const tampered = (reason: string): { rows: number; tampered: Tampered } => ({
    rows: seq,
    tampered: { chain: head.chain, seq: seq + 1, reason },
  });
  for await (const row of queries.rows(head.chain, BATCH)) {
    if (stop?.aborted === true) return { rows: seq };
    if (row.seq !== seq + 1) return tampered('a row is missing');
    if (row.prev_hash !== previous) return tampered('prev_hash is not the hash of the row before');
    if (auditHash(row) !== row.hash) return tampered('the row does not have its hash');
    seq = row.seq;
    previous = row.hash;
    if (seq === head.seq && previous !== head.hash) return tampered('the head has another hash');
  }
  return seq < head.seq ? tampered('rows are missing at the end') : { rows: seq };
}
