import { Client } from 'pg';
import { SUPERUSER } from './cluster.ts';
import { errorCode } from '../../common/private-files.ts';
import { readPidFile } from './postmaster.ts';
import type { Postmaster } from './postmaster.ts';
import { isAlive } from '../../common/process-identity.ts';
import { waitFor } from '../../common/wait-for.ts';

export type Readiness = 'ready' | 'stopping' | 'gone';

const READY_TIMEOUT_MS = 30_000;
const INTERVAL_MS = 50;
const CONNECT_TIMEOUT_MS = 2_000;

export function connectionUrl(port: number, role: string, password: string, database: string): string {
  const [user, secret, name] = [role, password, database].map(encodeURIComponent);
  return `postgresql://${user}:${secret}@127.0.0.1:${port}/${name}`;
}

/** Undefined: neither ready nor gone within the deadline. */
export async function waitUntilReady(
  postmaster: Postmaster,
  data: string,
  password: string,
): Promise<Readiness | undefined> {
  const url = connectionUrl(postmaster.port, SUPERUSER, password, 'postgres');
  return waitFor(
    () => currentReadiness(postmaster, data, url),
    AbortSignal.timeout(READY_TIMEOUT_MS),
    INTERVAL_MS,
  );
}

async function currentReadiness(
  postmaster: Postmaster,
  data: string,
  url: string,
): Promise<Readiness | undefined> {
  if (!(await isAlive(postmaster.identity))) {
    return 'gone';
  }
  const file = await readPidFile(data);
  // Until our own server holds the port, whoever else answers there must not be told the password.
  if (file?.pid !== postmaster.identity.pid || file.port !== postmaster.port) {
    return undefined;
  }
  if (file.status === 'stopping') {
    return 'stopping';
  }
  return file.status === 'ready' && (await accepts(url, data)) ? 'ready' : undefined;
}

async function accepts(url: string, data: string): Promise<boolean> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
  });
  // A server that stops under the connection is found out by the next question.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const answer = await client.query<{ data_directory: string }>('SHOW data_directory');
    return answer.rows[0]?.data_directory === data;
  } catch (error) {
    if (errorCode(error) === '28P01') {
      throw new Error(`embedded PostgreSQL: the password file does not fit ${data}`, { cause: error });
    }
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
