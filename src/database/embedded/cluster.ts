import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './binaries.ts';
import {
  createPrivate,
  exists,
  readIfPresent,
  renameDurably,
  replacePrivate,
} from '../../common/private-files.ts';
import { lastLines } from './log-file.ts';
import type { Placement } from './placement.ts';

export const SUPERUSER = 'postgres';

/** None of our own environment: it holds secrets, and PG* variables that would change what runs. */
export const SERVER_ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/local/bin:/usr/bin:/bin' };

const INITDB_TIMEOUT_MS = 60_000;
const DRAFT = 'data.new';
const PASSWORD_COPY = 'initdb-password';

const run = promisify(execFile);

export async function readPassword(state: string): Promise<string | undefined> {
  return (await readIfPresent(passwordPath(state)))?.trim();
}

/** The cluster with its password; made here on the first run. */
export async function ensureCluster(
  placement: Placement,
  binaries: Binaries,
  log: (message: string) => void,
): Promise<string> {
  await removeLeftovers(placement.base);
  const password = await readPassword(placement.state);
  if (password === undefined && (await exists(placement.data))) {
    await setAside(placement, log);
  }
  if (password !== undefined && (await exists(placement.data))) {
    return password;
  }
  const chosen = password ?? randomBytes(24).toString('base64url');
  // Before the data: data without its password could never be opened again.
  await replacePrivate(passwordPath(placement.state), `${chosen}\n`);
  log(`embedded PostgreSQL: making a new cluster in ${placement.data}`);
  await initialise(placement, binaries, chosen);
  return chosen;
}

/** A kill in the middle leaves only a draft. Its name is unique: an orphaned initdb may still write to it. */
async function initialise(placement: Placement, binaries: Binaries, password: string): Promise<void> {
  const draft = join(placement.base, `${DRAFT}-${randomBytes(4).toString('hex')}`);
  const passwordCopy = join(placement.base, PASSWORD_COPY);
  try {
    await mkdir(draft, { mode: 0o700 });
    await createPrivate(passwordCopy, `${password}\n`);
    await giveAway(placement, draft, passwordCopy);
    await runInitdb(placement, binaries, ['-D', draft, `--pwfile=${passwordCopy}`]);
  } finally {
    await rm(passwordCopy, { force: true });
  }
  await renameDurably(draft, placement.data);
}

async function runInitdb(placement: Placement, binaries: Binaries, where: string[]): Promise<void> {
  const settings = [
    `--username=${SUPERUSER}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
  ];
  try {
    await run(binaries.initdb, [...where, ...settings], {
      ...placement.account,
      cwd: '/',
      env: SERVER_ENVIRONMENT,
      timeout: INITDB_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    const output = lastLines(`${stdout}${stderr}`) || message;
    throw new Error(`embedded PostgreSQL: initdb failed:\n${output}`, { cause: error });
  }
}

async function giveAway(placement: Placement, ...paths: string[]): Promise<void> {
  if (placement.account !== undefined) {
    for (const path of paths) {
      await chown(path, placement.account.uid, placement.account.gid);
    }
  }
}

async function removeLeftovers(base: string): Promise<void> {
  for (const name of await readdir(base)) {
    if (name.startsWith(DRAFT) || name === PASSWORD_COPY) {
      // An orphaned initdb may still add files while we remove them: what stays goes at the next start.
      await rm(join(base, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    }
  }
}

/** Outside the directory the data outlives it: without its password, the directory is a new one. */
async function setAside(placement: Placement, log: (message: string) => void): Promise<void> {
  if (placement.base === placement.state) {
    throw new Error(
      `embedded PostgreSQL: ${passwordPath(placement.state)} is missing: restore it, or remove ${placement.data}`,
    );
  }
  const old = `${placement.data}.old`;
  await rm(old, { recursive: true, force: true });
  await renameDurably(placement.data, old);
  log(`embedded PostgreSQL: ${placement.data} belonged to an earlier directory; it is now ${old}`);
}

function passwordPath(state: string): string {
  return join(state, 'password');
}
