import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, statSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { until } from './until.ts';
import { freePort } from '../../src/database/embedded/free-port.ts';

const START_TIMEOUT_MS = 30_000;
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/local/bin:/usr/bin:/bin' };

/** A running PostgreSQL that a test takes away and gives back: same data, same port. */
export class PostgresServer {
  /** As the superuser. */
  readonly url: string;
  readonly #data: string;
  /** As PostgreSQL itself wrote it down: program, then quoted arguments. */
  readonly #commandLine: string;
  #pid: number;
  #paused: number[] = [];

  private constructor(url: string, found: { data: string; options: string; pid: string }) {
    this.url = url;
    this.#data = found.data;
    this.#commandLine = found.options;
    this.#pid = Number.parseInt(found.pid, 10);
  }

  static async behind(superuserUrl: string): Promise<PostgresServer> {
    const rows = await ask<{ data: string; options: string; pid: string }>(
      superuserUrl,
      `SELECT current_setting('data_directory') AS data, pg_read_file('postmaster.opts') AS options,
        pg_read_file('postmaster.pid') AS pid`,
    );
    return new PostgresServer(superuserUrl, rows[0]!);
  }

  /** Fast shutdown: breaks every connection, loses nothing that was committed. */
  async stop(): Promise<void> {
    process.kill(this.#pid, 'SIGINT');
    await until('the database server ends', () => !isRunning(this.#pid));
  }

  /** Nothing is flushed or said: the data is as a power cut leaves it. */
  async kill(): Promise<void> {
    const pid = this.#pid;
    sent(pid, 'SIGKILL');
    // Frozen backends could not notice that their postmaster is gone.
    this.resume();
    await until('the database server is gone', () => !isRunning(pid));
  }

  /** For the last moment of a process, which cannot wait. */
  killAtOnce(): void {
    sent(this.#pid, 'SIGKILL');
  }

  get running(): boolean {
    return isRunning(this.#pid);
  }

  /** Until it answers; one that gives up, as while backends of a killed one still end, is started again. */
  async start(): Promise<void> {
    await until(
      'the database server answers',
      () => {
        if (!this.running) this.#spawn();
        return this.answers();
      },
      START_TIMEOUT_MS,
    );
  }

  answers(): Promise<boolean> {
    return ask(this.url, 'SELECT').then(
      () => true,
      () => false,
    );
  }

  #spawn(): void {
    const [program = '', ...words] = this.#commandLine.trim().split(' "');
    const child: ChildProcess = spawn(
      program,
      words.map((word) => word.slice(0, -1)),
      { cwd: '/', detached: true, stdio: 'ignore', env: ENVIRONMENT, ...this.#account() },
    );
    child.unref();
    this.#pid = child.pid!;
  }

  /** The processes of a server whose machine fails: no shutdown, nothing is written any more. */
  async crash(): Promise<void> {
    const others = await this.#backends();
    for (const pid of [this.#pid, ...others]) sent(pid, 'SIGKILL');
    await until('the database server is dead', () => !isRunning(this.#pid));
  }

  /** A standby that follows this server, made of a copy of its data, for which it is stopped for a moment. */
  async follow(): Promise<PostgresServer> {
    await this.stop();
    const data = `${this.#data}-${await freePort()}`;
    execFileSync('cp', ['-a', this.#data, data]);
    await this.start();
    const { hostname, port, username, password } = new URL(this.url);
    const primary = `host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}`;
    writeFileSync(`${data}/standby.signal`, '');
    appendFileSync(`${data}/postgresql.auto.conf`, `primary_conninfo = '${primary}'\n`);
    const own = new URL(this.url);
    own.port = String(await freePort());
    const options = this.#commandLine
      .replaceAll(this.#data, data)
      .replaceAll(`port=${port}`, `port=${own.port}`);
    const standby = new PostgresServer(own.href, { data, options, pid: '0' });
    await standby.start();
    await until('the standby follows', async () => {
      const rows = await ask(this.url, "SELECT FROM pg_stat_replication WHERE state = 'streaming'");
      return rows.length === 1;
    });
    return standby;
  }

  async ask<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    return ask<Row>(this.url, text);
  }

  async #backends(): Promise<number[]> {
    const rows = await ask<{ pid: number }>(
      this.url,
      'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
    );
    return rows.map(({ pid }) => pid);
  }

  /** Stops the postmaster first, so that no backend is born while the others are stopped. */
  async pause(): Promise<void> {
    const others = await this.#backends();
    this.#paused = [this.#pid, ...others].filter((pid) => sent(pid, 'SIGSTOP'));
  }

  resume(): void {
    for (const pid of this.#paused.splice(0)) sent(pid, 'SIGCONT');
  }

  /** PostgreSQL refuses to run as root: it runs as whom its data belongs to. */
  #account(): { uid: number; gid: number } | undefined {
    if (process.getuid?.() !== 0) return undefined;
    const { uid, gid } = statSync(this.#data);
    return { uid, gid };
  }
}

async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** False when there is no such process any more. */
function sent(pid: number, signal: NodeJS.Signals | 0): boolean {
  // 0 would be our own group
  if (pid <= 0) return false;
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  return sent(pid, 0);
}
