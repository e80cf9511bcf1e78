import { pino } from 'pino';
import { AuditLog } from '../../src/audit/audit-log.ts';
import { Chains } from '../../src/audit/chains.ts';
import { RejectionSampler } from '../../src/audit/rejection-sampler.ts';
import { NoSink } from '../../src/audit/sinks/audit-sink.ts';
import { Clock } from '../../src/common/clock.ts';
import { createDataSource } from '../../src/database/data-source.ts';
import { Database } from '../../src/database/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const MINUTE_MS = 60_000;

class TestClock extends Clock {
  time = 30_000_000 * MINUTE_MS;

  override now(): number {
    return this.time;
  }

  override monotonic(): number {
    return this.time;
  }
}

interface Told {
  event: string;
  ip: string;
  reason: string;
  count: number;
}

describe('sampling of refusals', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  let clock: TestClock;
  let sampler: RejectionSampler;

  beforeEach(async () => {
    testDatabase = await createTestDatabase();
    const dataSource = createDataSource({
      url: testDatabase.servingUrl,
      poolSize: 2,
      applicationName: 'vestibule-test',
      onPoolError: () => undefined,
    });
    database = new Database(dataSource, true);
    await database.connect();
    clock = new TestClock();
    sampler = new RejectionSampler(
      new AuditLog(database, { chains: new Chains(clock), sink: new NoSink() }, clock, () => undefined),
      clock,
      pino({ level: 'silent' }),
    );
    sampler.start();
  });
  afterEach(async () => {
    await sampler.stop();
    await database.close();
    await testDatabase.drop();
  });

  const told = (): Promise<Told[]> =>
    testDatabase.query<Told & Record<string, unknown>>(
      `SELECT event, ip, detail->>'reason' AS reason, (detail->>'count')::integer AS count
        FROM audit_events ORDER BY event, ip, reason, seq`,
    );
  const written = (rows: number): Promise<Told[]> =>
    until(`${rows} rows are written`, async () => {
      const found = await told();
      return found.length >= rows && found;
    });

  it('writes one row a source, reason and minute, with how many they were, once the minute is over', async () => {
    for (let index = 0; index < 1_000; index += 1) {
      sampler.count('auth_rejected', `192.0.2.${index % 256}`, 'unknown_project');
    }
    sampler.count('auth_rejected', '192.0.2.1', 'origin');
    sampler.count('admin_rejected', '192.0.2.1', 'wrong_key');
    sampler.count('auth_rejected', '::ffff:192.0.2.7', 'origin');
    sampler.count('auth_rejected', '2001:db8::1', 'origin');
    sampler.count('auth_rejected', '2001:db8::ffff:1', 'origin');
    sampler.count('auth_rejected', '2001:db8:0:1::1', 'origin');
    clock.time += MINUTE_MS;
    sampler.count('auth_rejected', '192.0.2.1', 'origin');
    expect(await written(5)).toEqual([
      { event: 'admin_rejected', ip: '192.0.2.0/24', reason: 'wrong_key', count: 1 },
      { event: 'auth_rejected', ip: '192.0.2.0/24', reason: 'origin', count: 2 },
      { event: 'auth_rejected', ip: '192.0.2.0/24', reason: 'unknown_project', count: 1_000 },
      { event: 'auth_rejected', ip: '2001:db8:0:1::/64', reason: 'origin', count: 1 },
      { event: 'auth_rejected', ip: '2001:db8::/64', reason: 'origin', count: 2 },
    ]);
    clock.time += MINUTE_MS;
    expect(await written(6)).toHaveLength(6);
  });

  it('writes at most ten rows a second, however many sources there are, and loses none', async () => {
    const sources = 25;
    for (let index = 0; index < sources; index += 1)
      sampler.count('auth_rejected', `10.0.${index}.1`, 'origin');
    clock.time += MINUTE_MS;
    await written(sources);
    const [{ most }] = (await testDatabase.query<{ most: number }>(
      `SELECT max(n)::integer AS most FROM (SELECT count(*) AS n FROM audit_events a
        JOIN audit_events b ON b.time >= a.time AND b.time < a.time + interval '900 ms' GROUP BY a.seq) w`,
    )) as [{ most: number }];
    expect(most).toBeLessThanOrEqual(10);
    const rows = await told();
    expect([rows.length, rows.reduce((sum, { count }) => sum + count, 0)]).toEqual([sources, sources]);
  });

  it('keeps what it could not write until the database is back', async () => {
    await testDatabase.query('ALTER TABLE audit_events RENAME TO audit_events_away');
    sampler.count('auth_rejected', '192.0.2.1', 'origin');
    clock.time += MINUTE_MS;
    await until('a write failed', async () => {
      const [row] = await testDatabase.query<{ failed: boolean }>(
        `SELECT xact_rollback > 0 AS failed FROM pg_stat_database WHERE datname = current_database()`,
      );
      return row?.failed === true;
    });
    await testDatabase.query('ALTER TABLE audit_events_away RENAME TO audit_events');
    expect(await written(1)).toEqual([
      { event: 'auth_rejected', ip: '192.0.2.0/24', reason: 'origin', count: 1 },
    ]);
  });
});
