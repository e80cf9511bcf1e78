import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Belongings } from './belongings.ts';

const SIZE_MB = 1_024;
const TIMEOUT_MS = 20_000;
const BALLAST = 'ballast';

const run = promisify(execFile);

/** A small file system of its own, in memory, that can be filled to the last byte and emptied again. */
export class PrivateDisk {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** A folder for data; it has a disk of its own where we may mount: only root may, and not in every container. */
  static mount(parent: string, belongings: Belongings): { path: string; disk: PrivateDisk | undefined } {
    const path = join(parent, 'disk');
    mkdirSync(path);
    chmodSync(path, 0o711);
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return { path, disk: undefined };
    try {
      const options = `size=${SIZE_MB}m,mode=0711`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], {
        stdio: 'ignore',
        timeout: TIMEOUT_MS,
      });
    } catch {
      return { path, disk: undefined };
    }
    const unmount = (): void => {
      forget();
      // Lazily: a process that still ends must not keep it.
      execFileSync('umount', ['-l', path], { stdio: 'ignore', timeout: TIMEOUT_MS });
    };
    const forget = belongings.atExit(unmount);
    belongings.add(unmount);
    return { path, disk: new PrivateDisk(path) };
  }

  async fill(): Promise<void> {
    // What is freed meanwhile is taken by the next round.
    for (let round = 0; round < 3; round += 1) {
      const { bavail, bsize } = await statfs(this.#path);
      if (bavail === 0) return;
      const file = join(this.#path, `${BALLAST}-${round}`);
      await run('fallocate', ['-l', String(bavail * bsize), file], { timeout: TIMEOUT_MS }).catch(
        () => undefined,
      );
    }
  }

  empty(): void {
    for (let round = 0; round < 3; round += 1)
      rmSync(join(this.#path, `${BALLAST}-${round}`), { force: true });
  }
}
