import { AuditQueries } from '../src/audit/audit-queries.ts';
import { verifyChains } from '../src/audit/verify-chains.ts';
import { createDataSource } from '../src/database/data-source.ts';
import { Database } from '../src/database/database.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts';
import { fillDatabase } from './fill.ts';

const PROJECTS = 3;

describe('fillDatabase', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    await database.drop();
  });

  async function fill(auditRows: number, sessions: number): Promise<void> {
    const filling = { auditRows, sessions };
    await fillDatabase(database, { filling, projects: PROJECTS, signal: new AbortController().signal });
  }

  it('leaves as many audit rows as it was asked for, in chains that verify', async () => {
    await fill(20_100, 0);
    const dataSource = createDataSource({
      url: database.servingUrl,
      poolSize: 1,
      applicationName: 'fill-spec',
      onPoolError: () => undefined,
    });
    const reader = new Database(dataSource, true);
    try {
      await reader.connect();
      const { rows, tampered } = await verifyChains(new AuditQueries(reader));
      expect({ rows, tampered }).toEqual({ rows: 20_100, tampered: undefined });
    } finally {
      await reader.close();
    }
    const events = await database.query<{ event: string; n: number }>(
      'SELECT event, count(*)::integer AS n FROM audit_events GROUP BY event ORDER BY event',
    );
    expect(events).toEqual([
      { event: 'session_created', n: 10_050 },
      { event: 'vault_key_loaded', n: 10_050 },
    ]);
  });

  it('spreads live sessions over the projects, and counts their slots', async () => {
    await fill(0, 900);
    const slots = await database.query<{ taken: number; live: number }>(
      `SELECT taken, (SELECT count(*)::integer FROM sessions s WHERE s.project_hash = p.project_hash AND state = 'active'
          AND lease_expires_at > clock_timestamp() + interval '1 hour') AS live
        FROM project_slots p`,
    );
    expect(slots).toEqual(Array.from({ length: PROJECTS }, () => ({ taken: 300, live: 300 })));
  });

  it('stops when it is told to', async () => {
    const filling = { auditRows: 1_000_000, sessions: 0 };
    const signal = AbortSignal.timeout(300);
    await expect(fillDatabase(database, { filling, projects: PROJECTS, signal })).rejects.toThrow();
  });
});
