import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { auditKeys } from '../audit/audit-keys.ts';
import { AuditQueries } from '../audit/audit-queries.ts';
import { auditLine } from '../audit/audit-row.ts';
import { readHeads } from '../audit/read-heads.ts';
import type { SignedHead } from '../audit/signed-head.ts';
import { verifyingKeys } from '../audit/signing-keys.ts';
import { verifyChains } from '../audit/verify-chains.ts';
import { orExitCode, TAMPERED_EXIT_CODE, withAudit } from './with-audit.ts';

export interface VerifyOptions {
  head?: string;
  publicKey?: string;
}

export async function verifyAudit({ head, publicKey }: VerifyOptions): Promise<void> {
  await orExitCode(() =>
    withAudit('serving', async (database, settings) => {
      const keys =
        publicKey === undefined
          ? await auditKeys(settings)
          : verifyingKeys(await readFile(publicKey, 'utf8'));
      const given = head === undefined ? undefined : new Counted(readHeads(head));
      const { chains, rows, tampered, unknown } = await verifyChains(new AuditQueries(database), {
        keys,
        ...(given && { anchors: given }),
      });
      if (tampered !== undefined) {
        const { chain, seq, reason } = tampered;
        process.stdout.write(`tampered: chain ${chain} seq ${seq}: ${reason}\n`);
        process.exitCode = TAMPERED_EXIT_CODE;
        return;
      }
      const tail = given === undefined ? 'tail unanchored' : given.describe();
      process.stdout.write(`intact: ${rows} rows in ${chains} chains; ${tail}\n`);
      if (unknown > 0) {
        process.stderr.write(`${unknown} signatures were not verified: their key is not known here\n`);
      }
    }),
  );
}

/** Heads on their way through, and what they were in all. */
class Counted implements AsyncIterable<SignedHead[]> {
  readonly #heads: AsyncIterable<SignedHead[]>;
  #count = 0;
  #newest = '';

  constructor(heads: AsyncIterable<SignedHead[]>) {
    this.#heads = heads;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SignedHead[]> {
    for await (const heads of this.#heads) {
      this.#count += heads.length;
      for (const { time } of heads) if (time > this.#newest) this.#newest = time;
      yield heads;
    }
  }

  describe(): string {
    return `anchored by ${this.#count} signed heads, the newest of ${this.#newest}`;
  }
}

export async function exportAudit(): Promise<void> {
  await withAudit('serving', async (database) => {
    const queries = new AuditQueries(database);
    for (const { chain } of await queries.heads()) {
      for await (const row of queries.rows(chain)) {
        if (!process.stdout.write(`${auditLine(row)}\n`)) await once(process.stdout, 'drain');
      }
    }
  });
}
