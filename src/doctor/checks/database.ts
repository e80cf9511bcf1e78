import { OLDEST_SERVER } from '../../database/migrate.ts';
import { readServerFacts, type ServerFacts } from '../../database/server-facts.ts';
import type { Settings } from '../../config/load-settings.ts';
import type { Connection } from '../connection.ts';
import { codeOf, reasonOf } from '../describe.ts';
import { type Found, failure, ok, Skipped, warning } from '../finding.ts';

type Needs = Pick<Settings, 'production' | 'databasePool' | 'databasePrepared'>;
type Where = Pick<Settings, 'databaseUrl'>;

export async function checkDatabase(connection: Connection, settings: Needs & Where): Promise<Found[]> {
  try {
    const { dataSource } = await connection.connect();
    return judgeServer(await readServerFacts(dataSource), settings);
  } catch (error) {
    if (error instanceof Skipped) throw error;
    return [failure(`not reached: ${reasonOf(error)}`, reachFix(error, whereOf(settings)))];
  }
}

function whereOf({ databaseUrl }: Where): string {
  return databaseUrl === undefined ? 'postgres/ of VESTIBULE_DIR' : 'DATABASE_URL';
}

const FIXES: Record<string, string> = {
  ECONNREFUSED: 'start PostgreSQL, or mend host and port',
  ENOTFOUND: 'mend the host name, or the name service',
  EACCES: 'run as the user that serves',
  EAI_AGAIN: 'mend the name service: it does not answer',
  '28P01': 'mend the password',
  '28000': 'mend the role, or allow it in pg_hba.conf',
  '3D000': 'make the database, or mend its name',
  '42501': 'grant the role CONNECT on the database',
  '53300': 'free connections, or raise max_connections',
  '57P03': 'wait until PostgreSQL has started; see its log if it does not',
};

/** What to do about a database that is not reached by the address that is in `where`. */
export function reachFix(error: unknown, where: string): string {
  const fix =
    FIXES[codeOf(error) ?? ''] ?? 'see whether PostgreSQL runs and the network lets this machine in';
  return `${fix}; the address is in ${where}`;
}

export function judgeServer(facts: ServerFacts, settings: Needs): Found[] {
  const found = [
    ...judgeVersion(facts),
    ...judgeDurability(facts),
    ...judgeSession(facts),
    ...judgeConnections(facts, settings),
    ...judgePath(facts, settings),
  ];
  const { version, used, usable, pooled } = facts;
  const summary = `PostgreSQL ${Math.floor(version / 10_000)}, ${used} of ${usable} connections in use`;
  return found.length > 0 ? found : [ok(pooled ? `${summary}, through a pooler` : summary)];
}

function judgeVersion({ version, readOnly }: ServerFacts): Found[] {
  const found: Found[] = [];
  if (version < OLDEST_SERVER) {
    const oldest = Math.floor(OLDEST_SERVER / 10_000);
    found.push(
      failure(`PostgreSQL ${Math.floor(version / 10_000)} is too old`, `use PostgreSQL ${oldest} or newer`),
    );
  }
  if (readOnly) {
    found.push(
      failure('it takes no writes: a standby, or set to read only', 'let DATABASE_URL name the primary'),
    );
  }
  return found;
}

function judgeDurability({ fsync, fullPageWrites, synchronousCommit }: ServerFacts): Found[] {
  const found: Found[] = [];
  if (!fsync) {
    found.push(
      failure('fsync is off: a crash of the machine loses or breaks committed audit rows', 'set fsync = on'),
    );
  }
  if (!fullPageWrites) {
    found.push(failure('full_page_writes is off: a crash can leave torn pages', 'set full_page_writes = on'));
  }
  if (synchronousCommit === 'off') {
    found.push(
      failure(
        'synchronous_commit is off although we set it: what is answered can be lost in a crash',
        'restart the service, which sets it for its role, and let the pooler open new connections (RECONNECT)',
      ),
    );
  }
  return found;
}

function judgeSession({ isolation }: ServerFacts): Found[] {
  return isolation === 'read committed'
    ? []
    : [
        failure(
          `transactions are ${isolation} although we set read committed: slots would not be counted exactly`,
          'restart the service, which sets it for its role, and let the pooler open new connections (RECONNECT)',
        ),
      ];
}

function judgeConnections({ used, usable, allowed }: ServerFacts, { databasePool }: Needs): Found[] {
  const most = Math.min(usable, allowed ?? Infinity);
  if (databasePool > most) {
    return [
      failure(
        `VESTIBULE_DB_POOL is ${databasePool}, and the server lets this role have ${most} connections`,
        'lower VESTIBULE_DB_POOL, or raise max_connections or the CONNECTION LIMIT of the role or database',
      ),
    ];
  }
  if (used + databasePool > usable) {
    return [
      warning(
        `${used} of ${usable} connections are in use: another process with ${databasePool} may find none`,
        'find who holds them (pg_stat_activity), lower VESTIBULE_DB_POOL, or raise max_connections',
      ),
    ];
  }
  return [];
}

function judgePath({ pooled, encrypted }: ServerFacts, { production, databasePrepared }: Needs): Found[] {
  if (pooled) {
    return databasePrepared === 'on'
      ? [
          warning(
            'a pooler is between, and prepared statements are on',
            'fine with PgBouncer 1.21 or newer and max_prepared_statements > 0, or in session mode; ' +
              'else set VESTIBULE_DB_PREPARED=off',
          ),
        ]
      : [];
  }
  return production && !encrypted
    ? [
        warning(
          'the connection to the database is not encrypted',
          'add ?sslmode=verify-full to DATABASE_URL, unless the network between is your own',
        ),
      ]
    : [];
}
