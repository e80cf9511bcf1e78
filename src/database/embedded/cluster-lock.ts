import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { claimPrivate, errorCode, readIfPresent, replacePrivate } from './files.ts';
import { formatIdentity, identifySelf, isAlive, parseIdentity } from './processes.ts';
import { waitFor } from './waiting.ts';

const FREE = 'free\n';
const NAME = /^lock\.(\d+)$/;

/**
 * The lock is the file `lock.<n>` with the highest number; it holds its holder, or `free`. Whoever finds a
 * dead holder, or none, claims the next number. Nobody ever removes the highest number, so two processes
 * that find the same dead holder can not both take over: removing a stale lock by name would allow that.
 */
export async function withClusterLock<T>(
  folder: string,
  timeoutMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const mine = await waitFor(() => tryToAcquire(folder), { timeoutMs, intervalMs: 50 });
  if (mine === undefined) {
    throw new Error(`embedded PostgreSQL: ${await describeHolder(folder)} for over ${timeoutMs / 1000} s`);
  }
  try {
    return await work();
  } finally {
    await release(mine);
  }
}

async function tryToAcquire(folder: string): Promise<string | undefined> {
  const latest = await latestNumber(folder);
  if (latest > 0 && (await isHeld(lockPath(folder, latest)))) {
    return undefined;
  }
  const next = latest + 1;
  const mine = lockPath(folder, next);
  if (!(await claimPrivate(mine, formatIdentity(await identifySelf())))) {
    return undefined;
  }
  // While we looked, others may have gone further and tidied the number we then claimed.
  if ((await latestNumber(folder)) !== next) {
    await rm(mine, { force: true });
    return undefined;
  }
  await removeOlder(folder, next);
  return mine;
}

async function isHeld(path: string): Promise<boolean> {
  const content = await readIfPresent(path);
  if (content === undefined) {
    return true;
  }
  const holder = parseIdentity(content);
  return holder !== undefined && (await isAlive(holder));
}

async function release(path: string): Promise<void> {
  try {
    await replacePrivate(path, FREE);
  } catch (error) {
    // Somebody removed the whole folder: the lock went with it.
    if (errorCode(error) !== 'ENOENT') {
      throw error;
    }
  }
}

async function describeHolder(folder: string): Promise<string> {
  const content = await readIfPresent(lockPath(folder, await latestNumber(folder)));
  const holder = content === undefined ? undefined : parseIdentity(content);
  return `${folder} is locked by process ${holder?.pid ?? '(changing)'}`;
}

async function removeOlder(folder: string, than: number): Promise<void> {
  for (const number of await numbers(folder)) {
    if (number < than) {
      await rm(lockPath(folder, number), { force: true });
    }
  }
}

async function latestNumber(folder: string): Promise<number> {
  return Math.max(0, ...(await numbers(folder)));
}

async function numbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
}

function lockPath(folder: string, number: number): string {
  return join(folder, `lock.${number}`);
}
