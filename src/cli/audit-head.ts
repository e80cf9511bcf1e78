import { NO_KEYS, HeadSigner } from '../audit/signing-keys.ts';
import { Anchors, readBeginnings } from '../audit/anchors.ts';
import { auditKeys } from '../audit/audit-keys.ts';
import { AuditQueries } from '../audit/audit-queries.ts';
import { SystemClock } from '../common/clock.ts';
import { withGeneratedSecrets } from '../config/generated-secrets.ts';
import { SettingsError } from '../config/load-settings.ts';
import { orExitCode, TAMPERED_EXIT_CODE, withAudit } from './with-audit.ts';

/** Signs no head that its chain's last row does not have; whether all rows before hold is for `audit verify` to say. */
export async function printHead(): Promise<void> {
  await orExitCode(() =>
    withAudit('serving', async (database, settings) => {
      const { auditSigningKeys } = await withGeneratedSecrets(settings);
      if (auditSigningKeys === undefined) {
        throw new SettingsError(['VESTIBULE_AUDIT_SIGNING_KEY is required in production']);
      }
      const queries = new AuditQueries(database);
      const signer = new HeadSigner(auditSigningKeys);
      const heads = await queries.heads();
      if (heads.length === 0) throw new Error('there is nothing to sign: the audit has no rows yet');
      const time = new Date(new SystemClock().now()).toISOString();
      const head = signer.sign({ kind: 'head', time, heads });
      const { beginnings, tampered } = await readBeginnings(queries, await auditKeys(settings));
      const wrong = tampered ?? (await new Anchors(queries, NO_KEYS, beginnings).check([head]));
      if (wrong !== undefined) {
        process.stderr.write(
          `not signed: chain ${wrong.chain} seq ${wrong.seq}: the head is not its row’s\n`,
        );
        process.exitCode = TAMPERED_EXIT_CODE;
        return;
      }
      process.stdout.write(`${JSON.stringify(head)}\n`);
    }),
  );
}
