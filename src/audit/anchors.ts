import type { AuditQueries, StoredCheckpoint } from './audit-queries.ts';
import { type ChainHead, type SignedHead, toSignedHead } from './signed-head.ts';
import type { VerifyingKeys } from './signing-keys.ts';
import type { Tampered } from './verify-chain.ts';

/** Where chains begin whose oldest rows were pruned. */
export type Beginnings = ReadonlyMap<string, ChainHead>;

/** It cannot be told whether it is tampered with, for lack of a key. */
export class KeyMissingError extends Error {
  constructor(key: string) {
    super(`the key ${key}, which signed a head, is needed: VESTIBULE_AUDIT_SIGNING_KEY or --public-key`);
  }
}

/** Reads the checkpoints that prunings left. */
export async function readBeginnings(
  queries: AuditQueries,
  keys: VerifyingKeys,
): Promise<{ beginnings: Beginnings; tampered: Tampered | undefined; needsKey: string | undefined }> {
  const beginnings = new Map<string, ChainHead>();
  let needsKey: string | undefined;
  for await (const stored of queries.checkpoints('pruned')) {
    for (const checkpoint of stored) {
      const { head, tampered } = fromStored(checkpoint);
      const problem = tampered ?? signatureProblem(head, keys);
      if (problem !== undefined) return { beginnings, tampered: problem, needsKey };
      if (keys.judge(head) === 'unknown') needsKey = head.key;
      begin(beginnings, head);
    }
  }
  return { beginnings, tampered: undefined, needsKey };
}

function begin(beginnings: Map<string, ChainHead>, { heads }: SignedHead): void {
  for (const pruned of heads) {
    if (pruned.seq > (beginnings.get(pruned.chain)?.seq ?? 0)) beginnings.set(pruned.chain, pruned);
  }
}

/** Compares rows with signed heads: those of the database itself, or those that were kept elsewhere. */
export class Anchors {
  readonly #queries: AuditQueries;
  readonly #keys: VerifyingKeys;
  readonly #beginnings: Beginnings;
  /** Signed by a key that is not known; their rows were compared all the same. */
  unknown = 0;
  unknownKey: string | undefined;

  constructor(queries: AuditQueries, keys: VerifyingKeys, beginnings: Beginnings) {
    this.#queries = queries;
    this.#keys = keys;
    this.#beginnings = beginnings;
  }

  async ofDatabase(stop?: AbortSignal): Promise<Tampered | undefined> {
    for await (const stored of this.#queries.checkpoints('head')) {
      if (stop?.aborted === true) return undefined;
      const read = stored.map(fromStored);
      const tampered = read.find((one) => one.tampered)?.tampered;
      const found = tampered ?? (await this.check(read.map(({ head }) => head)));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The first of these heads that does not fit. */
  async check(heads: readonly SignedHead[]): Promise<Tampered | undefined> {
    for (const head of heads) {
      const problem = signatureProblem(head, this.#keys);
      if (problem !== undefined) return problem;
      if (this.#keys.judge(head) !== 'unknown') continue;
      this.unknown += 1;
      this.unknownKey = head.key;
    }
    const wanted = heads.flatMap(({ heads: each, time }) => each.map((head) => ({ ...head, time })));
    const hashes = await this.#queries.hashes(wanted);
    for (const [index, head] of wanted.entries()) {
      const found = await this.#compare(head, hashes[index] ?? null);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #compare(head: ChainHead & { time: string }, hash: string | null): Promise<Tampered | undefined> {
    const { chain, seq, time } = head;
    const beginning = this.#beginnings.get(chain);
    if (beginning !== undefined && seq < beginning.seq) return undefined;
    const found = beginning?.seq === seq ? beginning.hash : hash;
    if (found === head.hash) return undefined;
    if (found !== null) return { chain, seq, reason: `a head signed ${time} has another hash for it` };
    const last = (await this.#queries.lastBefore(chain, seq)) ?? beginning?.seq ?? 0;
    return { chain, seq: last + 1, reason: `rows are missing: a head signed ${time} has seq ${seq}` };
  }
}

function signatureProblem(head: SignedHead, keys: VerifyingKeys): Tampered | undefined {
  const judgement = keys.judge(head);
  if (judgement === 'valid' || (judgement === 'unknown' && !keys.all)) return undefined;
  const [{ chain, seq } = { chain: '', seq: 0 }] = head.heads;
  const reason =
    judgement === 'invalid'
      ? 'a signed head of it does not have its signature'
      : 'a head of it is signed by a key that is not known';
  return { chain, seq, reason };
}

type FromStored = { head: SignedHead; tampered?: undefined } | { head: SignedHead; tampered: Tampered };

function fromStored({ id, kind, time, heads, key, signature }: StoredCheckpoint): FromStored {
  const written = { v: 1, kind, time: time.toISOString(), heads, key, signature };
  const head = toSignedHead(written);
  if (head !== undefined) return { head };
  return {
    head: written as unknown as SignedHead,
    tampered: { ...placeOf(heads), reason: `the checkpoint with id ${id} is no signed head` },
  };
}

/** As far as it can be told from what somebody changed. */
function placeOf(heads: unknown): { chain: string; seq: number } {
  const first: unknown = Array.isArray(heads) ? heads[0] : undefined;
  const { chain, seq } = (first ?? {}) as { chain?: unknown; seq?: unknown };
  return {
    chain: typeof chain === 'string' ? chain : 'unknown',
    seq: typeof seq === 'number' ? seq : 0,
  };
}
