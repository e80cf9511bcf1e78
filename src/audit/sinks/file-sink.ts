import type { Logger } from 'pino';
import { unavailable } from '../../common/app-error.ts';
import { NotSentError } from '../../common/submissions.ts';
import type { Clock } from '../../common/clock.ts';
import { errorCode } from '../../common/private-files.ts';
import { within } from '../../common/within.ts';
import { AuditSink } from './audit-sink.ts';
import type { Lines } from './line-file.ts';

/** Without anything to write the file is looked at this often, and after a failure it is tried again. */
const PROBE_MS = 1_500;
const RETRY_MS = 2_000;
/** Twice this, for what came just after one write began, is still within 5 s. */
const DEADLINE_MS = 2_400;
const MAX_WRITE_BYTES = 1024 * 1024;
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;

const REFUSAL = 'The audit record cannot be kept at the moment.';

/** Told of what becomes of lines. */
export interface FileSinkObserver {
  onWritten(seconds: number): void;
  onFailed(): void;
  onDropped(lines: number): void;
}

export interface FileSinkOptions {
  required: boolean;
  clock: Clock;
  logger: Logger;
  observer: FileSinkObserver;
}

interface Waiting {
  text: string;
  bytes: number;
  lines: number;
  /** Undefined once it was told. */
  settle: { resolve: () => void; reject: (reason: unknown) => void } | undefined;
}

/**
 * Rows in a file, durably. All that waits shares one write and one sync; there is never more than one under way, so
 * that a disk that hangs holds one thread and no more. Lines that could not be written stay queued, as far as there
 * is room, also after whoever waited for them was refused: the file gets them once it works again.
 */
export class FileSink extends AuditSink {
  readonly enabled = true;
  readonly #file: Lines;
  readonly #options: FileSinkOptions;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #problem: string | undefined = 'was not opened yet';
  #turn: Promise<void> | undefined;
  #overdue = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(file: Lines, options: FileSinkOptions) {
    super();
    this.#file = file;
    this.#options = options;
  }

  override start(): void {
    this.#begin();
  }

  override write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    const text = lines.map((line) => `${line}\n`).join('');
    const bytes = Buffer.byteLength(text);
    if (this.#stopped || this.#queuedBytes + bytes > MAX_QUEUED_BYTES) {
      this.#options.observer.onDropped(lines.length);
      return this.#refusedIfRequired();
    }
    this.#queuedBytes += bytes;
    const waiting: Waiting = { text, bytes, lines: lines.length, settle: undefined };
    this.#queue.push(waiting);
    if (this.#problem !== undefined || !this.#options.required) {
      if (this.#problem === undefined) this.#begin();
      return this.#refusedIfRequired();
    }
    return new Promise((resolve, reject) => {
      waiting.settle = { resolve, reject };
      this.#begin();
    });
  }

  override assertUsable(): void {
    if (this.problem() === undefined) return;
    throw new NotSentError('unavailable', REFUSAL, { retryAfter: 1, cause: this.#cause() });
  }

  override problem(): string | undefined {
    return this.#options.required && this.#problem !== undefined
      ? `the audit file ${this.#problem}`
      : undefined;
  }

  /** Whether lines reach the file, required or not. */
  get usable(): boolean {
    return this.#problem === undefined;
  }

  override hangs(): boolean {
    return this.#overdue;
  }

  override async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await within(DEADLINE_MS, this.#flush());
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#drop();
    if (!this.#overdue) await within(DEADLINE_MS, this.#file.close());
  }

  async #flush(): Promise<void> {
    while (this.#queue.length > 0 && this.#problem === undefined) {
      this.#begin();
      await this.#turn;
    }
  }

  #drop(): void {
    const lines = this.#queue.reduce((sum, waiting) => sum + waiting.lines, 0);
    if (lines > 0) this.#options.observer.onDropped(lines);
    this.#refuseAll();
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #begin(): void {
    if (this.#turn !== undefined || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#turn = this.#takeTurn().finally(() => {
      this.#turn = undefined;
      if (this.#problem === undefined && this.#queue.length > 0) this.#begin();
      else this.#beginLater(this.#problem === undefined ? PROBE_MS : RETRY_MS);
    });
  }

  #beginLater(milliseconds: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#begin();
    }, milliseconds);
    this.#timer.unref();
  }

  /** One write, or one look. Never rejects; takes as long as the system takes, but nobody waits for it so long. */
  async #takeTurn(): Promise<void> {
    const { clock, observer } = this.#options;
    const batch = this.#batch();
    const started = clock.monotonic();
    const deadline = setTimeout(() => {
      this.#overdue = true;
      this.#failed('hangs');
    }, DEADLINE_MS);
    try {
      if (batch.length === 0) await this.#file.probe();
      else await this.#file.append(batch.map(({ text }) => text).join(''));
    } catch (error) {
      this.#failed(`cannot be written: ${errorCode(error) ?? (error as Error).message}`);
      return;
    } finally {
      clearTimeout(deadline);
      this.#overdue = false;
    }
    this.#worked(batch);
    if (batch.length > 0) observer.onWritten((clock.monotonic() - started) / 1000);
  }

  #batch(): Waiting[] {
    let bytes = 0;
    const end = this.#queue.findIndex((waiting, index) => {
      bytes += waiting.bytes;
      return index > 0 && bytes > MAX_WRITE_BYTES;
    });
    return this.#queue.slice(0, end === -1 ? this.#queue.length : end);
  }

  #worked(batch: Waiting[]): void {
    if (this.#stopped) return;
    this.#queue.splice(0, batch.length);
    for (const { bytes, settle } of batch) {
      this.#queuedBytes -= bytes;
      settle?.resolve();
    }
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#options.logger.info('the audit file takes rows');
  }

  #failed(problem: string): void {
    if (this.#problem !== problem) {
      const { required, logger } = this.#options;
      logger.error({ problem, required }, 'the audit file does not take rows');
    }
    this.#problem = problem;
    this.#options.observer.onFailed();
    this.#refuseAll();
  }

  #refuseAll(): void {
    for (const waiting of this.#queue) {
      waiting.settle?.reject(this.#refusal());
      waiting.settle = undefined;
    }
  }

  #refusedIfRequired(): Promise<void> {
    return this.#options.required ? Promise.reject(this.#refusal()) : Promise.resolve();
  }

  #refusal(): Error {
    return unavailable(REFUSAL, this.#cause());
  }

  #cause(): Error {
    return new Error(`the audit file ${this.#problem ?? 'has too much to write'}`);
  }
}
