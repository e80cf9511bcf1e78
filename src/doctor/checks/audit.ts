import { AuditQueries } from '../../audit/audit-queries.ts';
import { auditKeys } from '../../audit/audit-keys.ts';
import { type Verified, verifyChains } from '../../audit/verify-chains.ts';
import type { Settings } from '../../config/load-settings.ts';
import type { Connection } from '../connection.ts';
import { type Found, failure, ok, warning } from '../finding.ts';

type Judged = Pick<Verified, 'chains' | 'rows' | 'tampered' | 'complete'>;

/** Rows are verified for so long; `audit verify` has all the time there is. */
export const VERIFY_MS = 30_000;

export async function checkAudit(connection: Connection, settings: Settings): Promise<Found[]> {
  const { database } = await connection.migrated();
  const queries = new AuditQueries(database);
  const total = (await queries.heads()).reduce((sum, { seq }) => sum + seq, 0);
  const keys = await auditKeys(settings);
  const stop = AbortSignal.timeout(VERIFY_MS);
  return [judgeAudit(await verifyChains(queries, { keys, stop }), total), ...signing(settings)];
}

function signing({ production, auditSigningKeys }: Settings): Found[] {
  return production && auditSigningKeys === undefined
    ? [
        warning(
          'heads of the audit are not signed: a tail that is cut off would not be noticed',
          'give all replicas one VESTIBULE_AUDIT_SIGNING_KEY',
        ),
      ]
    : [];
}

export function judgeAudit({ chains, rows, tampered, complete }: Judged, total: number): Found {
  if (tampered !== undefined) {
    const { chain, seq, reason } = tampered;
    return failure(
      `tampered: chain ${chain} seq ${seq}: ${reason}`,
      'stop who could write there, keep the database as it is, and compare it with a backup and with exports',
    );
  }
  return complete
    ? ok(`${rows} rows in ${chains} chains are intact`)
    : warning(
        `${rows} rows of about ${total} are intact; there was no time for the rest`,
        'run `vestibule audit verify`',
      );
}
