import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { OWNER, PASSWORD, SERVING } from './cluster.ts';
import { until } from './until.ts';
import { freePort } from '../../src/database/embedded/free-port.ts';

/** `PGBOUNCER` names the program where it is not on the PATH. */
const PROGRAM = process.env['PGBOUNCER'] ?? 'pgbouncer';
const NOBODY = 65_534;
/** Fewer than the services have clients, so that these share. */
const SERVER_CONNECTIONS = 4;

/** Such as 1.18; fails when there is none. */
export function pgbouncerVersion(): number {
  try {
    const [, version] = /PgBouncer (\d+\.\d+)/.exec(
      execFileSync(PROGRAM, ['--version'], { encoding: 'utf8' }),
    )!;
    return Number(version);
  } catch (error) {
    throw new Error(
      `these tests need PgBouncer: install it, or let PGBOUNCER name the program (${PROGRAM})`,
      {
        cause: error,
      },
    );
  }
}

export interface PgBouncer {
  /** The same database, through here. */
  through(url: string): string;
  /** A command of its own console, such as RECONNECT. */
  command(text: string): Promise<pg.QueryResultRow[]>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** PgBouncer in transaction mode before a server of the test run. */
export async function startPgBouncer(
  serverUrl: string,
  settings: Record<string, string>,
): Promise<PgBouncer> {
  const folder = mkdtempSync('/var/tmp/vestibule-pgbouncer-');
  chmodSync(folder, 0o755);
  const { hostname, port: serverPort } = new URL(serverUrl);
  const port = await freePort();
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: `${folder}/users`,
    admin_users: OWNER,
    pool_mode: 'transaction',
    default_pool_size: String(SERVER_CONNECTIONS),
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  writeFileSync(
    `${folder}/pgbouncer.ini`,
    [`[databases]`, `* = host=${hostname} port=${serverPort}`, '[pgbouncer]', ...lines, ''].join('\n'),
  );
  writeFileSync(`${folder}/users`, [OWNER, SERVING].map((role) => `"${role}" "${PASSWORD}"\n`).join(''));
  const through = (url: string): string => {
    const changed = new URL(url);
    changed.port = String(port);
    return changed.href;
  };
  const consoleUrl = `postgres://${OWNER}:${PASSWORD}@127.0.0.1:${port}/pgbouncer`;
  const command = async (text: string): Promise<pg.QueryResultRow[]> => {
    const client = new pg.Client({ connectionString: consoleUrl });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<pg.QueryResultRow>(text)).rows;
    } finally {
      await client.end();
    }
  };
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    // It refuses to run as root.
    const account = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const log: string[] = [];
    child = spawn(PROGRAM, [`${folder}/pgbouncer.ini`], { ...account, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.setEncoding('utf8').on('data', (line: string) => log.push(line));
    await until('PgBouncer answers', async () => {
      if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${log.join('')}`);
      return command('SHOW VERSION').then(
        () => true,
        () => false,
      );
    });
  };
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  await start();
  return {
    through,
    command,
    restart: async () => {
      await end();
      await start();
    },
    stop: async () => {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
