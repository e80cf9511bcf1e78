import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withFolderLock } from '../common/folder-lock.ts';
import { errorCode } from '../common/private-files.ts';

/** How long a write waits for those of other processes. */
const WAIT_MS = 5_000;

/** One write of manifests at a time, among all processes of this machine. A holder that dies lets go. */
export class WriteLock {
  readonly #folder: string;
  #queue: Promise<unknown> = Promise.resolve();

  /** The lock is in a sub-folder, which nobody watches. */
  constructor(directory: string) {
    this.#folder = join(directory, 'lock');
  }

  /** Rejects without having begun when others do not let go in time, counted from this call. */
  async hold(write: () => Promise<void>): Promise<void> {
    const until = AbortSignal.timeout(WAIT_MS);
    const done = this.#queue.then(async () => {
      await makePrivate(this.#folder);
      await withFolderLock(this.#folder, until, write);
    });
    this.#queue = done.catch(() => undefined);
    await done;
  }
}

async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
}
