import { TooBusyError } from './submissions.ts';

export interface GateOptions {
  maxAtOnce: number;
  /** Beyond these it is too busy. */
  maxWaiting: number;
}

interface Waiting {
  enter: () => void;
  refuse: (reason: unknown) => void;
}

/** Lets so much work run at once; more waits for its turn. What waits while some fails would fail the same way, only later. */
export class Gate {
  readonly #options: GateOptions;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#enter();
    try {
      return await work();
    } catch (error) {
      for (const { refuse } of this.#waiting.splice(0)) refuse(error);
      throw error;
    } finally {
      this.#leave();
    }
  }

  #enter(): Promise<void> | undefined {
    const { maxAtOnce, maxWaiting } = this.#options;
    if (this.#running < maxAtOnce) {
      this.#running += 1;
      return undefined;
    }
    if (this.#waiting.length >= maxWaiting) throw new TooBusyError();
    return new Promise((enter, refuse) => {
      this.#waiting.push({ enter, refuse });
    });
  }

  /** Hands its place on. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next.enter();
  }
}
