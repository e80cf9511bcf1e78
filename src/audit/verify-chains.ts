import { Anchors, type Beginnings, KeyMissingError, readBeginnings } from './anchors.ts';
import type { AuditQueries } from './audit-queries.ts';
import type { ChainHead, SignedHead } from './signed-head.ts';
import { NO_KEYS, type VerifyingKeys } from './signing-keys.ts';
import { type OnVerified, type Tampered, verifyChain } from './verify-chain.ts';

export interface Verified {
  chains: number;
  rows: number;
  tampered: Tampered | undefined;
  /** False when it was told to stop before the last row. */
  complete: boolean;
  /** Signed heads whose key is not known. */
  unknown: number;
}

export interface VerifyOptions {
  keys?: VerifyingKeys;
  stop?: AbortSignal;
  /** Signed heads that were kept elsewhere, some at a time. */
  anchors?: AsyncIterable<SignedHead[]>;
  onVerified?: OnVerified;
}

/**
 * Recomputes every hash of every chain, up to the first that does not hold, or until it is told to stop; then looks
 * whether signed heads still fit.
 */
export async function verifyChains(queries: AuditQueries, options: VerifyOptions = {}): Promise<Verified> {
  const { keys = NO_KEYS } = options;
  const { beginnings, tampered, needsKey } = await readBeginnings(queries, keys);
  const result: Verified = { chains: 0, rows: 0, tampered, complete: true, unknown: 0 };
  if (tampered !== undefined) return result;
  const heads = await queries.heads();
  await walkChains(queries, { heads, beginnings }, options, result);
  if (result.tampered === undefined && !isStopped(options)) {
    const checked = new Anchors(queries, keys, beginnings);
    result.tampered =
      (await withoutHead(queries, heads, beginnings)) ?? (await checkAnchors(checked, options));
    result.unknown = checked.unknown;
  }
  if (result.tampered === undefined && needsKey !== undefined) throw new KeyMissingError(needsKey);
  result.complete = !isStopped(options);
  return result;
}

function isStopped({ stop }: VerifyOptions): boolean {
  return stop?.aborted === true;
}

async function walkChains(
  queries: AuditQueries,
  { heads, beginnings }: { heads: ChainHead[]; beginnings: Beginnings },
  { stop, onVerified }: VerifyOptions,
  result: Verified,
): Promise<void> {
  for (const head of heads) {
    result.chains += 1;
    const pruned = beginnings.get(head.chain);
    const { rows, tampered } = await verifyChain(queries, head, { pruned, stop, onVerified });
    result.rows += rows;
    result.tampered = tampered;
    if (tampered !== undefined || stop?.aborted === true) return;
  }
}

/** A writer makes a chain's head with its first row, and a pruning leaves it. */
async function withoutHead(
  queries: AuditQueries,
  heads: ChainHead[],
  beginnings: Beginnings,
): Promise<Tampered | undefined> {
  const orphan = await queries.orphan();
  if (orphan !== undefined) {
    return { ...orphan, reason: 'the chain has rows and no head' };
  }
  const chains = new Set(heads.map(({ chain }) => chain));
  for (const { chain, seq } of beginnings.values()) {
    if (!chains.has(chain)) return { chain, seq, reason: 'the chain has no head' };
  }
  return undefined;
}

/** Those of the database, then those that were kept elsewhere. */
async function checkAnchors(
  checked: Anchors,
  { stop, anchors }: VerifyOptions,
): Promise<Tampered | undefined> {
  const tampered = await checked.ofDatabase(stop);
  if (tampered !== undefined) return tampered;
  for await (const heads of anchors ?? []) {
    const before = checked.unknown;
    const found = await checked.check(heads);
    if (found !== undefined) return found;
    if (checked.unknown > before) throw new KeyMissingError(checked.unknownKey ?? '');
  }
  return undefined;
}
