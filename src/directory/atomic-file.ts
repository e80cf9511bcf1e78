import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const TEMPORARY = /^\.write-[0-9a-f]{16}\.tmp$/;
const ABANDONED_AFTER_MS = 60_000;

/** Replaces a file so that a reader sees all of the old or all of the new text, also after a crash. Mode 0600. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.write-${randomBytes(8).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** Makes a private folder and clears away what a killed writer left in it. */
export async function preparePrivateFolder(path: string, now: number): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  for (const name of await readdir(path)) {
    if (!TEMPORARY.test(name)) continue;
    const found = await stat(join(path, name)).catch(() => undefined);
    if (found !== undefined && now - found.mtimeMs > ABANDONED_AFTER_MS)
      await rm(join(path, name), { force: true });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
