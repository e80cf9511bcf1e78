import { link, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { draftOf, errorCode, readIfPresent } from './private-files.ts';
import { formatIdentity, identifySelf, isAlive, parseIdentity } from './process-identity.ts';
import { waitFor } from './wait-for.ts';

const INTERVAL_MS = 20;
const RELEASE_MS = 5_000;
const NAME = /^lock\.(\d+)$/;
/** A lock's file, or the draft of one that a killed process left. */
const NAME_OR_DRAFT = /^lock\.(\d+)(\.[0-9a-f]{12}\.tmp)?$/;

/**
 * Does the work while no other process does any under this folder's lock; rejects without having begun when the lock
 * is still held as the signal aborts. Processes have to see each other's pids: not those of other containers.
 *
 * The lock is the file `lock.<n>` with the highest number; it names its holder, or is empty. Whoever finds a
 * dead holder, or none, claims the next number. Nobody ever removes the highest number, so two processes
 * that find the same dead holder can not both take over: removing a stale lock by name would allow that.
 */
export async function withFolderLock<T>(
  folder: string,
  until: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const mine = await waitFor(() => tryToAcquire(folder), until, INTERVAL_MS);
  if (mine === undefined) {
    throw new Error(`${await describeHolder(folder)}, which does not let go`);
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
  if (!(await claim(mine, formatIdentity(await identifySelf())))) {
    return undefined;
  }
  try {
    if ((await latestNumber(folder)) === next) {
      await removeOlder(folder, next);
      return mine;
    }
  } catch (error) {
    await release(mine);
    throw error;
  }
  // While we looked, others had gone further and tidied the number that we then claimed.
  await rm(mine, { force: true });
  return undefined;
}

async function isHeld(path: string): Promise<boolean> {
  const content = await readIfPresent(path);
  if (content === undefined) {
    return true;
  }
  const holder = parseIdentity(content);
  return holder !== undefined && (await isAlive(holder));
}

/** Appears with its whole content or not at all; false if the name is taken, or the draft was tidied away. */
async function claim(path: string, holder: string): Promise<boolean> {
  const draft = draftOf(path);
  try {
    // Not synced to the disk: what a crash of the machine takes from it had no holder any more.
    await writeFile(draft, holder, { flag: 'wx', mode: 0o600 });
    await link(draft, path);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOENT'].includes(errorCode(error) ?? '')) {
      return false;
    }
    throw error;
  } finally {
    // One that stays is tidied by the next holder.
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** Tries for a while: nobody takes a lock from a process that lives. */
async function release(path: string): Promise<void> {
  let reason: unknown;
  const empty = async (): Promise<true | undefined> => {
    try {
      // Where it stands, which needs no room on a full disk.
      await truncate(path);
    } catch (error) {
      reason = error;
      // Somebody removed the whole folder: the lock went with it.
      return errorCode(error) === 'ENOENT' ? true : undefined;
    }
    return true;
  };
  if (!(await waitFor(empty, AbortSignal.timeout(RELEASE_MS), INTERVAL_MS))) throw reason;
}

async function describeHolder(folder: string): Promise<string> {
  const content = await readIfPresent(lockPath(folder, await latestNumber(folder)));
  const holder = content === undefined ? undefined : parseIdentity(content);
  return `${folder} is locked by process ${holder?.pid ?? '(changing)'}`;
}

async function removeOlder(folder: string, than: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const number = NAME_OR_DRAFT.exec(name)?.[1];
    if (number !== undefined && Number(number) < than) {
      await rm(join(folder, name), { force: true });
    }
  }
}

async function latestNumber(folder: string): Promise<number> {
  const names = await readdir(folder);
  return Math.max(0, ...names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number));
}

function lockPath(folder: string, number: number): string {
  return join(folder, `lock.${number}`);
}
