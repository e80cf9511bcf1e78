import { once } from 'node:events';
import { AuditQueries } from '../audit/audit-queries.ts';
import { auditLine } from '../audit/audit-row.ts';
import { verifyChains } from '../audit/verify-chains.ts';
import { loadSettings } from '../config/load-settings.ts';
import { createDataSource } from '../database/data-source.ts';
import { Database } from '../database/database.ts';
import { databaseUrls } from '../database/database-urls.ts';

const TAMPERED_EXIT_CODE = 1;
const FAILED_EXIT_CODE = 2;
const EXPORT_BATCH = 1_000;

export async function verifyAudit(): Promise<void> {
  try {
    await withAudit(async (queries) => {
      const { chains, rows, tampered } = await verifyChains(queries);
      if (tampered === undefined) {
        process.stdout.write(`intact: ${rows} rows in ${chains} chains; tail unanchored\n`);
      } else {
        const { chain, seq, reason } = tampered;
        process.stdout.write(`tampered: chain ${chain} seq ${seq}: ${reason}\n`);
        process.exitCode = TAMPERED_EXIT_CODE;
      }
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'failed'}\n`);
    process.exitCode = FAILED_EXIT_CODE;
  }
}

export async function exportAudit(): Promise<void> {
  await withAudit(async (queries) => {
    for (const { chain } of await queries.heads()) {
      for await (const row of queries.rows(chain, EXPORT_BATCH)) {
        if (!process.stdout.write(`${auditLine(row)}\n`)) await once(process.stdout, 'drain');
      }
    }
  });
}

async function withAudit(work: (queries: AuditQueries) => Promise<void>): Promise<void> {
  const settings = loadSettings(process.env);
  const urls = await databaseUrls(settings, () => undefined);
  const dataSource = createDataSource({
    url: urls.serving,
    poolSize: 1,
    applicationName: 'vestibule-audit',
    onPoolError: () => undefined,
  });
  const database = new Database(dataSource, true);
  try {
    await database.connect();
    await work(new AuditQueries(database));
  } finally {
    await database.close();
    await urls.embedded?.stop();
  }
}
