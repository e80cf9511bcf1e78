import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { within } from '../common/within.ts';
import type { Database } from '../database/database.ts';
import type { Chains } from './chains.ts';
import type { ChainHead } from './signed-head.ts';
import type { HeadSigner } from './signing-keys.ts';

const INTERVAL_MS = 10_000;
const STOP_MS = 3_000;

/** With the hash of the head's own row, which nobody but this process appends. */
const HEADS = {
  name: 'audit_own_heads',
  text: `SELECT h.chain, h.seq, h.hash, e.hash AS row_hash
    FROM audit_heads h LEFT JOIN audit_events e ON e.chain = h.chain AND e.seq = h.seq
    WHERE h.chain = ANY ($1) ORDER BY h.chain`,
};
const KEEP = {
  name: 'audit_checkpoint',
  text: `INSERT INTO audit_checkpoints (kind, time, heads, key, signature) VALUES ('head', $1, $2, $3, $4)`,
};

interface OwnHead extends ChainHead {
  row_hash: string | null;
}

/**
 * Signs the heads of this process's chains whenever they moved, and keeps them where rows are and in the log: whoever
 * has a line of the log can show that a row was there.
 */
export class Checkpointer {
  readonly #database: Database;
  readonly #chains: Chains;
  readonly #signer: HeadSigner | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signed = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(
    database: Database,
    chains: Chains,
    signer: HeadSigner | undefined,
    clock: Clock,
    logger: Logger,
  ) {
    this.#database = database;
    this.#chains = chains;
    this.#signer = signer;
    this.#clock = clock;
    this.#logger = logger;
  }

  start(): void {
    if (this.#signer === undefined) {
      this.#logger.warn('there is no VESTIBULE_AUDIT_SIGNING_KEY: heads of the audit are not signed');
      return;
    }
    this.#timer = setInterval(() => {
      this.#running ??= this.#checkpoint().finally(() => {
        this.#running = undefined;
      });
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  /** Signs what this process wrote last. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await within(
      STOP_MS,
      (this.#running ?? Promise.resolve()).then(() => this.#checkpoint()),
    );
  }

  async #checkpoint(): Promise<void> {
    if (this.#signer === undefined) return;
    try {
      const heads = await this.#moved();
      if (heads.length === 0) return;
      const time = new Date(this.#clock.now()).toISOString();
      const head = this.#signer.sign({ kind: 'head', time, heads });
      this.#logger.info({ audit_head: head }, 'audit head');
      await this.#database.query(KEEP, [time, JSON.stringify(heads), head.key, head.signature]);
      for (const { chain, seq } of heads) this.#signed.set(chain, seq);
    } catch (error) {
      this.#logger.debug({ err: error }, 'heads of the audit could not be signed yet');
    }
  }

  async #moved(): Promise<ChainHead[]> {
    const rows = await this.#database.query<Omit<OwnHead, 'seq'> & { seq: string }>(HEADS, [
      this.#chains.ids,
    ]);
    const heads = rows.map((row): OwnHead => ({ ...row, seq: Number(row.seq) }));
    for (const { chain, seq } of heads.filter((head) => this.#wasChanged(head))) {
      this.#logger.error({ chain, seq }, 'this process’s own audit chain was changed: run audit verify');
    }
    return heads
      .filter(({ chain, seq, hash, row_hash: own }) => hash === own && seq > this.#signedSeq(chain))
      .map(({ chain, seq, hash }) => ({ chain, seq, hash }));
  }

  /** The row of a head that was signed may be gone: all of an old chain can be pruned. */
  #wasChanged({ chain, seq, hash, row_hash: own }: OwnHead): boolean {
    const signed = this.#signedSeq(chain);
    return seq < signed || (own === null ? seq > signed : own !== hash);
  }

  #signedSeq(chain: string): number {
    return this.#signed.get(chain) ?? 0;
  }
}
