import { type DestinationStream, pino } from 'pino';

/** Lines that are written together. */
const MIN_WRITE_BYTES = 8 * 1024;
/** A line waits no longer for others. */
const MAX_WAIT_MS = 50;
/** pino's number for warnings: what is worse is higher. */
const WARN = 40;

/**
 * Standard output, by many lines a write: a write for each costs more than making the line. Warnings and errors go out
 * at once, with all that waits; so does everything when the process exits.
 */
export class LogStream implements DestinationStream {
  readonly #out = pino.destination({ dest: process.stdout.fd, sync: true, minLength: MIN_WRITE_BYTES });
  #timer: NodeJS.Timeout | undefined;
  /** Left here by pino, for each line. */
  lastLevel = 0;

  constructor() {
    Object.assign(this, { [Symbol.for('pino.metadata')]: true });
    process.once('exit', () => {
      this.#out.flushSync();
    });
  }

  write(line: string): void {
    this.#out.write(line);
    if (this.lastLevel >= WARN) this.#flush();
    else
      this.#timer ??= setTimeout(() => {
        this.#flush();
      }, MAX_WAIT_MS).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#out.flush();
  }
}
