import { constants } from 'node:fs';
import { type FileHandle, open, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCode } from '../../common/private-files.ts';

/** A pipe that is full is asked again this often, for as long as its reader may take. */
const PIPE_RETRY = { pauseMs: 20, times: 100 };
/** Whoever reads the audit reads this file. */
const MODE = 0o600;
const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;

/** A file, by its name, to which lines are appended durably. Nothing here runs twice at a time, nor ends in time. */
export interface Lines {
  append(text: string): Promise<void>;
  /** Looks whether a line could be appended, and has the disk answer. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

interface Opened {
  handle: FileHandle;
  device: number;
  inode: number;
  regular: boolean;
}

export class LineFile implements Lines {
  readonly #path: string;
  #opened: Opened | undefined;
  #midLine = false;

  constructor(path: string) {
    this.#path = path;
  }

  async append(text: string): Promise<void> {
    await this.#closingOnFailure(async (opened) => {
      const bytes = Buffer.from(this.#midLine ? `\n${text}` : text, 'utf8');
      this.#midLine = true;
      await writeAll(opened.handle, bytes);
      this.#midLine = false;
      await sync(opened, 'datasync');
    });
  }

  async probe(): Promise<void> {
    await this.#closingOnFailure(async (opened) => {
      if (!opened.regular) return;
      const { blocks, bavail } = await statfs(this.#path);
      if (blocks > 0 && bavail === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      await touch(opened.handle);
      await sync(opened, 'sync');
    });
  }

  async close(): Promise<void> {
    const handle = this.#opened?.handle;
    this.#opened = undefined;
    await handle?.close();
  }

  async #closingOnFailure(work: (opened: Opened) => Promise<void>): Promise<void> {
    try {
      await work(await this.#current());
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
  }

  /** The file that has the name now: who renamed the one before, as log rotation does, gets another. */
  async #current(): Promise<Opened> {
    const opened = this.#opened;
    if (opened === undefined) return this.#open();
    const named = await stat(this.#path).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (named?.ino === opened.inode && named.dev === opened.device) return opened;
    const { nlink } = await opened.handle.stat();
    await this.close();
    // What was durable is gone: somebody has to hear of that, also when the next attempt makes another file.
    if (nlink === 0) throw new Error('the file was removed');
    return this.#open();
  }

  async #open(): Promise<Opened> {
    const handle = await open(this.#path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, MODE);
    try {
      const { dev, ino, size, isFile } = await described(handle);
      // A crash may have left half a line; a pipe or device was left in the middle by ourselves or not at all.
      if (isFile) this.#midLine = size > 0 && (await lastByte(this.#path, size)) !== '\n';
      if (isFile && size === 0) await syncFolder(dirname(this.#path));
      this.#opened = { handle, device: dev, inode: ino, regular: isFile };
      return this.#opened;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
}

async function described(
  handle: FileHandle,
): Promise<{ dev: number; ino: number; size: number; isFile: boolean }> {
  const found = await handle.stat();
  return { dev: found.dev, ino: found.ino, size: found.size, isFile: found.isFile() };
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  let written = 0;
  for (let waits = 0; written < bytes.length;) {
    try {
      written += (await handle.write(bytes, written)).bytesWritten;
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN' || waits === PIPE_RETRY.times) throw error;
      waits += 1;
      await delay(PIPE_RETRY.pauseMs);
    }
  }
}

/** With nothing to write, a sync does not reach the disk: a time that changed has to. */
async function touch(handle: FileHandle): Promise<void> {
  const { atime, mtime } = await handle.stat();
  await handle.utimes(new Date(atime.getTime() + 1), mtime).catch((error: unknown) => {
    // Another's file, which we may write all the same.
    if (errorCode(error) !== 'EPERM') throw error;
  });
}

/** A pipe or a device has nothing to sync, and says so. */
async function sync({ handle, regular }: Opened, how: 'sync' | 'datasync'): Promise<void> {
  try {
    await handle[how]();
  } catch (error) {
    if (regular || errorCode(error) !== 'EINVAL') throw error;
  }
}

async function lastByte(path: string, size: number): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** A new file is only durable once the folder that holds its name is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
