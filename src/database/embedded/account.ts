import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The user PostgreSQL runs as when we are root, which it refuses to be. */
export type Account = { uid: number; gid: number };

export function weAreRoot(): boolean {
  return process.getuid?.() === 0;
}

export async function findAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const entry = lines.find((fields) => fields[0] === name);
    const account = { uid: Number(entry?.[2]), gid: Number(entry?.[3]) };
    if (Number.isInteger(account.uid) && Number.isInteger(account.gid) && account.uid > 0) {
      return account;
    }
  }
  throw new Error(
    'embedded PostgreSQL does not run as root, and there is no user postgres or nobody to run it as',
  );
}

/** The first of the path and the folders above it that the account may not search; the path is a real one. */
export async function firstClosed(path: string, account: Account): Promise<string | undefined> {
  for (const step of withAncestors(path)) {
    if (!maySearch(await stat(step), account)) {
      return step;
    }
  }
  return undefined;
}

function maySearch(entry: Stats, account: Account): boolean {
  if (entry.uid === account.uid) {
    return (entry.mode & 0o100) !== 0;
  }
  return (entry.mode & (entry.gid === account.gid ? 0o010 : 0o001)) !== 0;
}

function withAncestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...withAncestors(parent), path];
}
