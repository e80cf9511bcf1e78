import type { Logger } from 'pino';
import type { ManifestProblem } from './manifest.ts';

/** Logs each problem once, and again when it comes back. */
export class ProblemReport {
  readonly #logger: Logger;
  #reported = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  update(problems: readonly ManifestProblem[]): void {
    const reported = new Set<string>();
    for (const problem of problems) {
      const key = JSON.stringify(problem);
      reported.add(key);
      if (!this.#reported.has(key))
        this.#logger.warn(problem, 'a manifest is not valid; its last good version stays');
    }
    this.#reported = reported;
  }
}
