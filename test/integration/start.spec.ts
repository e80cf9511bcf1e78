import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OWNER, PASSWORD } from '../support/cluster.ts';
import { aKey } from '../support/manifests.ts';
import { type ProgramRun, runProgram, startServiceProcess } from '../support/service-process.ts';
import { ask } from '../support/stack.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const aSecret = (): string => randomBytes(24).toString('hex');

describe('the start in production', () => {
  let database: TestDatabase;
  let directory: string;
  let environment: Record<string, string>;

  beforeAll(async () => {
    database = await createTestDatabase();
    directory = mkdtempSync(join(tmpdir(), 'vestibule-start-'));
    environment = {
      NODE_ENV: 'production',
      PORT: '0',
      OPS_PORT: '0',
      DATABASE_URL: database.servingUrl,
      VESTIBULE_DIR: directory,
      VESTIBULE_ADMIN_KEY: aSecret(),
      VESTIBULE_JWT_SECRET: aSecret(),
    };
  });
  afterAll(async () => {
    await database.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  const serve = (changed: Record<string, string>): Promise<ProgramRun> =>
    runProgram(['serve'], { ...environment, ...changed });

  it('ends with 78 and every problem, by name and never by value', async () => {
    const secret = aKey();
    const { code, stdout, stderr } = await runProgram(['serve'], {
      NODE_ENV: 'production',
      PORT: 'eighty',
      DATABASE_URL: `mysql://user:${secret}@db.example.com/x`,
      VESTIBULE_ADMIN_KEY: secret.slice(0, 20),
      VESTIBULE_JWT_SECRET_FILE: join(directory, 'never'),
    });
    expect(code).toBe(78);
    for (const name of ['PORT', 'DATABASE_URL', 'VESTIBULE_ADMIN_KEY', 'VESTIBULE_JWT_SECRET']) {
      expect(stderr).toMatch(new RegExp(`^ +${name} `, 'm'));
    }
    for (const value of [secret.slice(0, 20), 'eighty']) expect(stdout + stderr).not.toContain(value);
  });

  it('is served without a word of the secrets', async () => {
    const service = await startServiceProcess(environment);
    try {
      await until('it is ready', async () => (await ask(`${service.opsUrl}/readyz`)).status === 200);
      const text = service.output.join('\n');
      for (const name of ['VESTIBULE_ADMIN_KEY', 'VESTIBULE_JWT_SECRET', 'DATABASE_URL']) {
        expect(text).not.toContain(environment[name]);
      }
    } finally {
      await service.stop();
    }
    expect(await service.exited).toBe(0);
  });

  it('is refused with 78 on a database of another namespace', async () => {
    const { code, stderr } = await serve({ VESTIBULE_NAMESPACE: 'another' });
    expect([code, stderr]).toEqual([78, expect.stringContaining('VESTIBULE_NAMESPACE') as string]);
  });

  it.each<[string, (role: string) => string[]]>([
    ['superuser', (role) => [`ALTER ROLE ${role} SUPERUSER`]],
    ['member of the owner', (role) => [`GRANT ${OWNER} TO ${role}`]],
    [
      'member of the owner that would have to SET ROLE',
      (role) => [`ALTER ROLE ${role} NOINHERIT`, `GRANT ${OWNER} TO ${role}`],
    ],
    ['role that may update', (role) => [`GRANT UPDATE ON audit_events TO ${role}`]],
    ['role that may update one column', (role) => [`GRANT UPDATE (ip) ON audit_events TO ${role}`]],
    ['role that may delete', (role) => [`GRANT DELETE ON audit_events TO ${role}`]],
    ['role that may truncate', (role) => [`GRANT TRUNCATE ON audit_events TO ${role}`]],
    ['owner of the database', (role) => [`ALTER DATABASE ${database.name} OWNER TO ${role}`]],
    ['role that may add triggers', (role) => [`GRANT TRIGGER ON audit_events TO ${role}`]],
  ])('is refused with 78 for a %s, who could change audit rows', async (_what, grants) => {
    const role = `test_${randomBytes(6).toString('hex')}`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
    await database.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
    try {
      for (const grant of grants(role)) await database.query(grant);
      const url = new URL(database.servingUrl);
      url.username = role;
      const { code, stderr } = await serve({ DATABASE_URL: url.href });
      expect([code, stderr]).toEqual([
        78,
        expect.stringContaining('DATABASE_URL names a role that') as string,
      ]);
      expect(stderr).not.toContain(PASSWORD);
    } finally {
      await database.query(`ALTER DATABASE ${database.name} OWNER TO ${OWNER}`);
      await database.query(`DROP OWNED BY ${role}`);
      await database.query(`DROP ROLE ${role}`);
    }
  });

  it('waits, not ready, for a schema that is not there, and is ready after migrate with no restart', async () => {
    const fresh = await createTestDatabase();
    await fresh.query(`DROP OWNED BY ${OWNER} CASCADE`);
    await fresh.query(`GRANT ALL ON SCHEMA public TO ${OWNER}`);
    const service = await startServiceProcess({ ...environment, DATABASE_URL: fresh.servingUrl });
    try {
      expect((await ask(`${service.opsUrl}/readyz`)).status).toBe(503);
      expect((await ask(`${service.opsUrl}/livez`)).status).toBe(200);
      await until('it says why', () => service.output.some((line) => line.includes('not migrated')));
      const migrateEnvironment = {
        ...environment,
        DATABASE_URL: fresh.servingUrl,
        DATABASE_MIGRATION_URL: fresh.ownerUrl,
      };
      const migrated = await runProgram(['migrate'], migrateEnvironment);
      expect([migrated.code, migrated.stdout]).toEqual([0, expect.stringMatching(/^migrated: /) as string]);
      await until('it is ready', async () => (await ask(`${service.opsUrl}/readyz`)).status === 200);
      const again = await runProgram(['migrate'], migrateEnvironment);
      expect([again.code, again.stdout]).toEqual([0, 'the schema is up to date\n']);
    } finally {
      await service.stop();
      await fresh.drop();
    }
  });
});
