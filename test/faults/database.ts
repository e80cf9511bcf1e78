import { setTimeout as delay } from 'node:timers/promises';
import { type TestCluster, startClusterIn } from '../support/cluster.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import pg from 'pg';
import type { Belongings } from './belongings.ts';
import type { PrivateDisk } from './disk.ts';

/** Of what is asked while nothing is broken. */
const RETRIES = 20;
const RETRY_MS = 250;

/** The rig's own PostgreSQL, which it may kill, freeze and starve. */
export class RigPostgres {
  readonly server: PostgresServer;
  readonly disk: PrivateDisk | undefined;
  readonly superuserUrl: string;

  private constructor(superuserUrl: string, server: PostgresServer, disk: PrivateDisk | undefined) {
    this.superuserUrl = superuserUrl;
    this.server = server;
    this.disk = disk;
  }

  static async start(
    directory: string,
    disk: PrivateDisk | undefined,
    belongings: Belongings,
  ): Promise<RigPostgres> {
    const cluster: TestCluster = await startClusterIn(directory);
    belongings.add(() => cluster.stop());
    const server = await PostgresServer.behind(cluster.superuserUrl);
    const forget = belongings.atExit(() => {
      server.killAtOnce();
    });
    belongings.add(async () => {
      server.resume();
      if (server.running) await server.stop();
      forget();
    });
    const rig = new RigPostgres(cluster.superuserUrl, server, disk);
    // A row's commit has a time of its own; checkpoints come often, so that every kill finds something to recover.
    await rig.run(
      "ALTER SYSTEM SET track_commit_timestamp = 'on'",
      "ALTER SYSTEM SET checkpoint_timeout = '30s'",
    );
    await server.stop();
    await server.start();
    return rig;
  }

  get port(): number {
    return Number(new URL(this.superuserUrl).port);
  }

  createDatabase(): Promise<TestDatabase> {
    return createTestDatabase(this.superuserUrl);
  }

  /** As the superuser, on a connection of its own. */
  async run(...statements: string[]): Promise<void> {
    const client = new pg.Client({ connectionString: this.superuserUrl, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  /** Whatever was done to it, it runs again and answers. */
  async heal(): Promise<void> {
    this.disk?.empty();
    this.server.resume();
    await this.server.start();
  }
}

/** Asks again when a connection of the pool turns out to be one that a fault broke. */
export async function settled<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (attempt >= RETRIES) throw error;
      await delay(RETRY_MS);
    }
  }
}
