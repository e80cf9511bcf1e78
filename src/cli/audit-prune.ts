import { auditKeys } from '../audit/audit-keys.ts';
import { AuditQueries } from '../audit/audit-queries.ts';
import { prune } from '../audit/prune.ts';
import { HeadSigner } from '../audit/signing-keys.ts';
import { SystemClock } from '../common/clock.ts';
import { newChainId } from '../common/ids.ts';
import { withGeneratedSecrets } from '../config/generated-secrets.ts';
import { SettingsError } from '../config/load-settings.ts';
import { orExitCode, TAMPERED_EXIT_CODE, withAudit } from './with-audit.ts';

const DAY_MS = 86_400_000;

export async function pruneAudit(options: { before?: number; olderThan?: number }): Promise<void> {
  await orExitCode(() =>
    withAudit('migration', async (database, settings) => {
      const { auditSigningKeys } = await withGeneratedSecrets(settings);
      if (auditSigningKeys === undefined) {
        throw new SettingsError(['VESTIBULE_AUDIT_SIGNING_KEY is required: nothing is pruned without it']);
      }
      const now = new SystemClock().now();
      const before = options.before ?? now - (options.olderThan ?? 0) * DAY_MS;
      if (before > now) throw new Error('--before must not be in the future');
      const pruned = await prune(database, new AuditQueries(database), {
        before,
        now,
        chain: newChainId(now),
        signer: new HeadSigner(auditSigningKeys),
        keys: await auditKeys(settings),
      });
      if (pruned.tampered !== undefined) {
        const { chain, seq, reason } = pruned.tampered;
        process.stdout.write(`tampered, nothing pruned: chain ${chain} seq ${seq}: ${reason}\n`);
        process.exitCode = TAMPERED_EXIT_CODE;
        return;
      }
      const { rows, chains } = pruned;
      process.stdout.write(
        `pruned: ${rows} rows of ${chains} chains, of before ${new Date(before).toISOString()}\n`,
      );
    }),
  );
}
