import type { DataSource } from 'typeorm';
import type { Clock } from '../common/clock.ts';

/** What the database server says of itself, on a connection such as the service uses. */
export interface ServerFacts {
  /** As in `server_version_num`: 150004 is 15.4. */
  version: number;
  /** A standby, or a server that was set to read only. */
  readOnly: boolean;
  fsync: boolean;
  fullPageWrites: boolean;
  synchronousCommit: string;
  isolation: string;
  /** Connections of all databases and roles. */
  used: number;
  /** Connections that are not reserved for superusers. */
  usable: number;
  /** The least of the role's and the database's own limit; undefined without one. */
  allowed: number | undefined;
  /** Whether something such as PgBouncer is between us and the server. */
  pooled: boolean;
  /** Whether the server's side of the connection is encrypted. */
  encrypted: boolean;
}

type Row = Omit<ServerFacts, 'allowed' | 'pooled'> & { allowed: number | null; pid: number };

const FACTS = `
  SELECT
    current_setting('server_version_num')::integer AS version,
    pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS "readOnly",
    current_setting('fsync')::boolean AS fsync,
    current_setting('full_page_writes')::boolean AS "fullPageWrites",
    current_setting('synchronous_commit') AS "synchronousCommit",
    current_setting('transaction_isolation') AS isolation,
    (SELECT sum(numbackends)::integer FROM pg_stat_database) AS used,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
      -- since PostgreSQL 16
      - coalesce(current_setting('reserved_connections', true)::integer, 0) AS usable,
    (SELECT least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1)) FROM pg_roles r, pg_database d
      WHERE r.rolname = current_user AND d.datname = current_database()) AS allowed,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted,
    pg_backend_pid() AS pid`;

export async function readServerFacts(dataSource: DataSource): Promise<ServerFacts> {
  const runner = dataSource.createQueryRunner();
  try {
    const { processID } = (await runner.connect()) as { processID?: number };
    const [row] = (await runner.query(FACTS)) as Row[];
    if (row === undefined) throw new Error('the database answered nothing');
    const { allowed, pid, ...facts } = row;
    // A pooler names a process of its own when a client connects.
    return { ...facts, allowed: allowed ?? undefined, pooled: processID !== pid };
  } finally {
    await runner.release();
  }
}

/** One reading of the database's clock. */
export interface ClockReading {
  /** Milliseconds by which the database's clock is ahead of ours, were the way there as long as the way back. */
  aheadMs: number;
  /** The reading can be wrong by half of this. */
  roundTripMs: number;
}

const READINGS = 3;

/** The reading, of several, that can be trusted most: that with the shortest round trip. */
export async function readDatabaseClock(dataSource: DataSource, clock: Clock): Promise<ClockReading> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.connect();
    const readings: ClockReading[] = [];
    for (let index = 0; index < READINGS; index += 1) {
      const started = clock.monotonic();
      const rows = (await runner.query(
        'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS now',
      )) as { now: number }[];
      const roundTripMs = clock.monotonic() - started;
      readings.push({ roundTripMs, aheadMs: (rows[0]?.now ?? 0) - (clock.now() - roundTripMs / 2) });
    }
    return readings.reduce((best, next) => (next.roundTripMs < best.roundTripMs ? next : best));
  } finally {
    await runner.release();
  }
}
