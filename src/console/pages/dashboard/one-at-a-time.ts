/**
 * Asks for the same thing again and again, one question at a time. Told to while one is under way, it asks once more
 * after it, however often it was told: answers that take longer than their reasons to come are shown all the same.
 */
export class OneAtATime<T> {
  readonly #load: () => Promise<T>;
  readonly #onValue: (value: T) => void;
  readonly #onError: (error: unknown) => void;
  #isAsking = false;
  #isWanted = false;
  #isStopped = false;

  /** `load` must come to an end by itself: the next one waits for it. */
  constructor(load: () => Promise<T>, onValue: (value: T) => void, onError: (error: unknown) => void) {
    this.#load = load;
    this.#onValue = onValue;
    this.#onError = onError;
  }

  reload(): void {
    this.#isWanted = true;
    if (!this.#isAsking) void this.#ask();
  }

  /** What is under way is told to nobody. */
  stop(): void {
    this.#isStopped = true;
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      await this.#load().then(
        (value) => {
          if (!this.#isStopped) this.#onValue(value);
        },
        (error: unknown) => {
          if (!this.#isStopped) this.#onError(error);
        },
      );
    }
    this.#isAsking = false;
  }
}
