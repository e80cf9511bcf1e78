import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';
import { findAccount, weAreRoot } from '../../src/database/embedded/account.ts';
import { reachableBinaries } from '../../src/database/embedded/binaries.ts';
import { startEmbeddedPostgres } from '../../src/database/embedded/embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../src/database/embedded/embedded-postgres.ts';
import { exists } from '../../src/common/private-files.ts';
import { shelterFor } from '../../src/database/embedded/placement.ts';
import { readPidFile } from '../../src/database/embedded/postmaster.ts';
import { identify } from '../../src/common/process-identity.ts';
import { servesData, waitForExit } from '../../src/database/embedded/processes.ts';

type Report = { port: number; owned: boolean; superuserUrl: string; messages: string[] };
type Other = { child: ChildProcess; report: Promise<Report>; stop: () => Promise<void> };

const MODULE = pathToFileURL(join(process.cwd(), 'src/database/embedded/embedded-postgres.ts')).href;

const OTHER_PROCESS = `
  import { once } from 'node:events';
  import { startEmbeddedPostgres } from '${MODULE}';
  const messages = [];
  const { port, owned, superuserUrl, stop } = await startEmbeddedPostgres({
    directory: process.argv[1],
    log: (message) => messages.push(message),
  });
  console.log(JSON.stringify({ port, owned, superuserUrl, messages }));
  process.stdin.resume();
  await once(process.stdin, 'end');
  await stop();
`;

const directories: string[] = [];
const children: ChildProcess[] = [];
const open: EmbeddedPostgres[] = [];

async function makeDirectory(mode: number): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'vestibule-embedded-')));
  await chmod(directory, mode);
  directories.push(directory);
  return directory;
}

async function start(directory: string, messages: string[] = []): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ directory, log: (message) => messages.push(message) });
  open.push(postgres);
  return postgres;
}

function startElsewhere(directory: string): Other {
  const child = spawn(process.execPath, ['--input-type=module', '-e', OTHER_PROCESS, directory], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  children.push(child);
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      resolve();
    }),
  );
  const report = new Promise<Report>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => {
      resolve(JSON.parse(line) as Report);
    });
    void ended.then(() => {
      reject(new Error(`the other process ended: ${complaints}`));
    });
  });
  report.catch(() => undefined);
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { child, report, stop };
}

async function dataOf(directory: string): Promise<string> {
  const inPlace = join(directory, 'postgres', 'data');
  return (await exists(inPlace)) ? inPlace : join(shelterFor(directory), 'data');
}

async function postmasterPid(directory: string): Promise<number> {
  const pid = (await readPidFile(await dataOf(directory)))?.pid;
  if (pid === undefined) {
    throw new Error('no server runs');
  }
  return pid;
}

async function killHard(pid: number): Promise<void> {
  const identity = await identify(pid);
  if (identity !== undefined) {
    process.kill(pid, 'SIGKILL');
    expect(await waitForExit(identity, 5_000)).toBe(true);
  }
}

async function ask<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function expectStopped(directory: string, pid: number): Promise<void> {
  expect(await identify(pid)).toBeUndefined();
  expect(await exists(join(await dataOf(directory), 'postmaster.pid'))).toBe(false);
  expect(await exists(join(directory, 'postgres', 'owner'))).toBe(false);
}

function groupOf(pid: number): string {
  return execFileSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' }).trim();
}

async function cleanUp(directory: string): Promise<void> {
  for (const data of [join(directory, 'postgres', 'data'), join(shelterFor(directory), 'data')]) {
    const pid = (await readPidFile(data))?.pid;
    if (pid !== undefined && (await servesData(pid, data))) {
      await killHard(pid);
    }
  }
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  await rm(shelterFor(directory), { recursive: true, force: true, maxRetries: 5 });
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((postgres) => postgres.stop()));
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
    }
  }
});

afterAll(async () => {
  for (const directory of directories) {
    await cleanUp(directory);
  }
});

describe.each([
  ['a private directory', 0o700],
  ['a searchable directory', 0o755],
])('embedded PostgreSQL in %s', (_name, mode) => {
  let directory: string;

  beforeAll(async () => {
    directory = await makeDirectory(mode);
    const postgres = await start(directory);
    await ask(postgres.superuserUrl, 'CREATE TABLE kept (word text)');
    await ask(postgres.superuserUrl, "INSERT INTO kept VALUES ('first run')");
    await postgres.stop();
  });

  const words = async (url: string): Promise<string[]> =>
    (await ask<{ word: string }>(url, 'SELECT word FROM kept ORDER BY word')).map((row) => row.word);

  it('keeps its data, and stops without a trace', async () => {
    const postgres = await start(directory);
    const pid = await postmasterPid(directory);
    expect(postgres.owned).toBe(true);
    expect(await words(postgres.superuserUrl)).toEqual(['first run']);
    await Promise.all([postgres.stop(), postgres.stop()]);
    await expectStopped(directory, pid);
  });

  it('is a durable UTF-8 cluster that listens on the loopback address alone, with passwords', async () => {
    const { superuserUrl, port, urlFor } = await start(directory);
    const rows = await ask<{ name: string; setting: string }>(
      superuserUrl,
      `SELECT name, setting FROM pg_settings WHERE name IN ('data_checksums', 'fsync', 'listen_addresses',
         'max_connections', 'port', 'server_encoding', 'unix_socket_directories')`,
    );
    expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).toEqual({
      data_checksums: 'on',
      fsync: 'on',
      listen_addresses: '127.0.0.1',
      max_connections: '100',
      port: String(port),
      server_encoding: 'UTF8',
      unix_socket_directories: '',
    });
    const methods = await ask(superuserUrl, 'SELECT DISTINCT auth_method FROM pg_hba_file_rules');
    expect(methods).toEqual([{ auth_method: 'scram-sha-256' }]);
    await ask(superuserUrl, `CREATE ROLE "odd/role" LOGIN PASSWORD 'p@ss:w/rd%'`);
    const url = urlFor('odd/role', 'p@ss:w/rd%', 'postgres');
    expect(await ask(url, 'SELECT current_user AS me')).toEqual([{ me: 'odd/role' }]);
    await expect(ask(urlFor('postgres', 'guess', 'postgres'), 'SELECT 1')).rejects.toThrow(/password/);
  });

  it('runs in a process group of its own, and not as root', async () => {
    await start(directory);
    const pid = await postmasterPid(directory);
    expect(groupOf(pid)).toBe(String(pid));
    expect(groupOf(pid)).not.toBe(groupOf(process.pid));
    expect((await stat(await dataOf(directory))).uid).not.toBe(0);
  });

  it('keeps its password to us, and leaves no copy of it', async () => {
    const state = join(directory, 'postgres');
    expect((await stat(join(state, 'password'))).mode & 0o777).toBe(0o600);
    const names = [...(await readdir(state)), ...(await readdir(join(await dataOf(directory), '..')))];
    expect(names.filter((name) => name.startsWith('initdb-') || name.startsWith('data.'))).toEqual([]);
  });

  it('recovers after its postmaster was killed', async () => {
    const before = await start(directory);
    await ask(before.superuserUrl, "INSERT INTO kept VALUES ('before the kill')");
    await killHard(await postmasterPid(directory));
    const after = await start(directory);
    expect(after.owned).toBe(true);
    expect(await words(after.superuserUrl)).toEqual(['before the kill', 'first run']);
    const pid = await postmasterPid(directory);
    await before.stop();
    expect(await identify(pid)).toBeDefined();
    await after.stop();
    await expectStopped(directory, pid);
  });

  it('starts although the pid of a killed postmaster belongs to another process by now', async () => {
    await start(directory);
    await killHard(await postmasterPid(directory));
    const data = await dataOf(directory);
    const { uid, gid } = await stat(data);
    const other = spawn('sleep', ['60'], { stdio: 'ignore', cwd: '/', ...(weAreRoot() ? { uid, gid } : {}) });
    children.push(other);
    const file = join(data, 'postmaster.pid');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^\d+/, String(other.pid)));
    const postgres = await start(directory);
    expect(postgres.owned).toBe(true);
    expect(await words(postgres.superuserUrl)).toContain('first run');
  });

  it('is adopted after the process that owned it was killed', async () => {
    const owner = startElsewhere(directory);
    const report = await owner.report;
    expect(report.owned).toBe(true);
    const pid = await postmasterPid(directory);
    await killHard(owner.child.pid ?? 0);
    const postgres = await start(directory);
    expect(postgres).toMatchObject({ owned: true, port: report.port, superuserUrl: report.superuserUrl });
    expect(await postmasterPid(directory)).toBe(pid);
    await postgres.stop();
    await expectStopped(directory, pid);
  });

  it('is shared with a second process, which does not stop it', async () => {
    const postgres = await start(directory);
    const pid = await postmasterPid(directory);
    const second = startElsewhere(directory);
    expect(await second.report).toMatchObject({ owned: false, port: postgres.port });
    await second.stop();
    expect(await words(postgres.superuserUrl)).toContain('first run');
    await postgres.stop();
    await expectStopped(directory, pid);
  });

  it('waits for a server that is still shutting down, then starts its own', async () => {
    const before = await start(directory);
    const pid = await postmasterPid(directory);
    const stopping = before.stop();
    const after = await start(directory);
    await stopping;
    expect(after.owned).toBe(true);
    expect(await postmasterPid(directory)).not.toBe(pid);
  });

  it('is initialised by exactly one of two processes that start at the same instant', async () => {
    const fresh = await makeDirectory(mode);
    // A draft from a first start that was killed, and the lock of its process.
    await mkdir(join(fresh, 'postgres', 'data.new', 'base'), { recursive: true });
    await writeFile(join(fresh, 'postgres', 'lock.1'), `${await deadPid()} 1\n`);
    const others = [startElsewhere(fresh), startElsewhere(fresh)];
    const reports = await Promise.all(others.map((other) => other.report));
    expect(reports.map((report) => report.owned).sort()).toEqual([false, true]);
    expect(new Set(reports.map((report) => report.superuserUrl)).size).toBe(1);
    expect(
      reports.flatMap((report) => report.messages.filter((text) => text.includes('new cluster'))),
    ).toHaveLength(1);
    const pid = await postmasterPid(fresh);
    const attached = reports[0]?.owned ? others[1] : others[0];
    const owner = reports[0]?.owned ? others[0] : others[1];
    await attached?.stop();
    expect(await identify(pid)).toBeDefined();
    await owner?.stop();
    await expectStopped(fresh, pid);
  });
});

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('close', resolve));
  return child.pid ?? 0;
}

/** Only root can make what these are about. */
const asRoot = weAreRoot() ? describe : (): void => undefined;

asRoot('embedded PostgreSQL under root', () => {
  it('refuses a shelter that is a link or belongs to somebody else', async () => {
    const directory = await makeDirectory(0o700);
    const shelter = shelterFor(directory);
    await symlink('/var/tmp', shelter);
    await expect(start(directory)).rejects.toThrow(`${shelter} is not a folder that belongs to root alone`);
    await rm(shelter);
    await mkdir(shelter);
    await chmod(shelter, 0o777);
    await expect(start(directory)).rejects.toThrow(`${shelter} is not a folder that belongs to root alone`);
  });

  it('makes a new cluster when the data outlived its directory', async () => {
    const directory = await makeDirectory(0o700);
    await ask((await start(directory)).superuserUrl, 'CREATE TABLE of_an_earlier_life (word text)');
    const left = await identify(await postmasterPid(directory));
    await rm(directory, { recursive: true });
    await mkdir(directory, { mode: 0o700 });
    const postgres = await start(directory);
    expect(left && (await waitForExit(left, 0))).toBe(true);
    const tables = await ask(postgres.superuserUrl, "SELECT 1 FROM pg_tables WHERE tablename ~ '^of_an_'");
    expect(tables).toEqual([]);
    expect(await exists(join(shelterFor(directory), 'data.old'))).toBe(true);
  });

  it('copies binaries that the other user can not reach, with their links', async () => {
    const directory = await makeDirectory(0o700);
    const native = join(directory, 'native');
    for (const folder of ['bin', 'lib', 'share']) {
      await mkdir(join(native, folder), { recursive: true, mode: 0o700 });
    }
    await writeFile(join(native, 'bin/initdb'), '', { mode: 0o700 });
    await writeFile(join(native, 'bin/postgres'), '#!/bin/sh\necho reached\n', { mode: 0o700 });
    await writeFile(join(native, 'lib/libpq.so.5.18'), '', { mode: 0o600 });
    await symlink('libpq.so.5.18', join(native, 'lib/libpq.so'));
    const account = await findAccount();
    const placement = { account, shelter: shelterFor(directory) };
    const find = (version: string): Promise<{ postgres: string }> =>
      reachableBinaries(
        { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres'), version },
        placement,
      );
    const { postgres } = await find('1.0.0');
    expect(postgres.startsWith(placement.shelter)).toBe(true);
    expect(execFileSync(postgres, { ...account, cwd: '/', encoding: 'utf8' })).toBe('reached\n');
    const library = join(postgres, '../../lib/libpq.so');
    expect(await readlink(library)).toBe('libpq.so.5.18');
    expect((await stat(library)).mode & 0o777).toBe(0o644);
    const made = (await lstat(postgres)).ino;
    expect((await lstat((await find('1.0.0')).postgres)).ino).toBe(made);
    await find('1.0.1');
    expect(await readdir(placement.shelter)).toEqual(['binaries-1.0.1']);
  });
});

it('says why the server did not start, with the end of its log', async () => {
  const directory = await makeDirectory(0o755);
  await (await start(directory)).stop();
  await writeFile(join(await dataOf(directory), 'postgresql.conf'), 'no_such_setting = 1\n', { flag: 'a' });
  await expect(start(directory)).rejects.toThrow(/ended while it started[^]*no_such_setting/);
  expect(await exists(join(directory, 'postgres', 'owner'))).toBe(false);
});
