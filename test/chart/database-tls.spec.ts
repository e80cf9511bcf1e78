import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { runProgram, type ProgramRun } from '../support/service-process.ts';
import { startServices, type ServiceGroup } from '../support/services.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

/** That the URLs which the chart's README shows ask for TLS, and are given it only by the server that they mean. */
describe('a database URL with sslmode=verify-full and sslrootcert', () => {
  let directory: string;
  let cluster: TestCluster;
  let database: TestDatabase;

  const file = (name: string): string => join(directory, name);
  const withTls = (url: string, ca: string): string => `${url}?sslmode=verify-full&sslrootcert=${file(ca)}`;

  function makeCertificate(name: string, address: string): void {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', `/CN=${name}`],
        ...['-addext', `subjectAltName=IP:${address}`],
        ...['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
      ],
      { stdio: 'ignore' },
    );
  }

  /** Puts it where only the server's account can read it, and has it read. */
  async function present(name: string): Promise<void> {
    const [found] = await database.query<{ data: string }>(
      `SELECT current_setting('data_directory') AS data`,
    );
    const { uid, gid } = statSync(found!.data);
    for (const part of ['key', 'crt']) {
      const target = join(found!.data, `server.${part}`);
      writeFileSync(target, readFileSync(file(`${name}.${part}`)), { mode: 0o600 });
      chownSync(target, uid, gid);
    }
    await database.query(`ALTER SYSTEM SET ssl = on`);
    await database.query('SELECT pg_reload_conf()');
  }

  const migrate = (ca: string): Promise<ProgramRun> =>
    runProgram(['migrate'], {
      DATABASE_URL: database.servingUrl,
      DATABASE_MIGRATION_URL: withTls(database.ownerUrl, ca),
    });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vestibule-tls-'));
    cluster = await startTestCluster();
    database = await createTestDatabase(cluster.superuserUrl);
    makeCertificate('right', '127.0.0.1');
    makeCertificate('other', '127.0.0.1');
    makeCertificate('elsewhere', '192.0.2.1');
    await present('right');
    await until('the server speaks TLS', async () => (await migrate('right.crt')).code === 0);
  });
  afterAll(async () => {
    await database.drop();
    await cluster.stop();
    rmSync(directory, { recursive: true });
  });

  it('is served over TLS', async () => {
    let service: ServiceGroup | undefined;
    try {
      service = await startServices({
        processes: 1,
        database,
        environment: { VESTIBULE_DIR: directory, DATABASE_URL: withTls(database.servingUrl, 'right.crt') },
        release: () => Promise.resolve(),
      });
      const rows = await database.query<{ ssl: boolean }>(
        `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'vestibule'`,
      );
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.every(({ ssl }) => ssl)).toBe(true);
    } finally {
      await service?.stop();
    }
  });

  it('does not trust another CA, nor a certificate for another address', async () => {
    expect(await migrate('other.crt')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/self-signed|unable to verify|unable to get/i),
    });
    await present('elsewhere');
    await until('the other certificate is shown and refused', async () => {
      const { code, stderr } = await migrate('elsewhere.crt');
      return code === 1 && stderr.includes('192.0.2.1');
    });
  });
});
