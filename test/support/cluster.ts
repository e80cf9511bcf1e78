import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/database/embedded/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';

export const TEMPLATE = 'template_vestibule';
export const OWNER = 'test_owner';
export const SERVING = 'test_serving';
/** Of roles on a server that lives as long as the test run. */
export const PASSWORD = 'for-tests-only';

export interface TestCluster {
  superuserUrl: string;
  stop(): Promise<void>;
}

/** A PostgreSQL of its own for a test run, with a migrated template that suites clone. */
export async function startTestCluster(): Promise<TestCluster> {
  // Root's server runs as another user, which has to reach its data.
  const directory = mkdtempSync(join('/var/tmp', 'vestibule-test-'));
  chmodSync(directory, 0o711);
  const cluster = await startClusterIn(directory);
  return {
    ...cluster,
    stop: async () => {
      await cluster.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The same in a folder of the caller's. */
export async function startClusterIn(directory: string): Promise<TestCluster> {
  const server = await startEmbeddedPostgres({ directory, log: () => undefined });
  const client = new pg.Client({ connectionString: server.superuserUrl });
  await client.connect();
  for (const role of [OWNER, SERVING]) await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
  await client.query(`CREATE DATABASE ${TEMPLATE} OWNER ${OWNER}`);
  await client.end();
  await migrate({
    migrationUrl: server.urlFor(OWNER, PASSWORD, TEMPLATE),
    servingUrl: server.urlFor(SERVING, PASSWORD, TEMPLATE),
  });
  return { superuserUrl: server.superuserUrl, stop: () => server.stop() };
}
