/** Everything that was started, and what ends it: in reverse order, and in any case when this process ends. */
export class Belongings {
  readonly #closers: { close: () => Promise<void> | void }[] = [];
  readonly #lastResorts = new Set<() => void>();

  constructor() {
    process.once('exit', () => {
      for (const end of this.#lastResorts) attempt(end);
    });
  }

  add(close: () => Promise<void> | void): void {
    this.#closers.push({ close });
  }

  /** Called, without time to wait, if this process ends before what is returned was called. */
  atExit(end: () => void): () => void {
    this.#lastResorts.add(end);
    return () => this.#lastResorts.delete(end);
  }

  async close(): Promise<void> {
    for (let next = this.#closers.pop(); next !== undefined; next = this.#closers.pop()) {
      try {
        await next.close();
      } catch (error) {
        process.stderr.write(`could not be ended: ${String(error)}\n`);
      }
    }
  }
}

function attempt(end: () => void): void {
  try {
    end();
  } catch {
    // The next one still has to end.
  }
}

/** False when there is no such process any more. */
export function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  // 0 would be our own group
  if (pid <= 0) return false;
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
