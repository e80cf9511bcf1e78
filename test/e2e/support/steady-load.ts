import { ask } from '../../support/ask.ts';

export interface LoadOptions {
  /** Services, asked in turn. */
  bases: string[];
  body: Record<string, unknown>;
  everyMs: number;
}

export interface LoadResult {
  status: number;
  /** Unix milliseconds. */
  at: number;
  text: string;
}

const MOST_AT_ONCE = 200;

/** Opens sessions at a constant pace and releases each at once. */
export class SteadyLoad {
  readonly results: LoadResult[] = [];
  readonly #options: LoadOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #pending = new Set<Promise<void>>();
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      if (this.#pending.size >= MOST_AT_ONCE) return;
      const one = this.#openOne().finally(() => this.#pending.delete(one));
      this.#pending.add(one);
    }, options.everyMs);
  }

  get failed(): LoadResult[] {
    return this.results.filter(({ status }) => status !== 200);
  }

  /** Resolves once what was begun is answered. */
  async stop(): Promise<LoadResult[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    return this.results;
  }

  async #openOne(): Promise<void> {
    const { bases, body } = this.#options;
    const base = bases[this.#next++ % bases.length]!;
    const at = Date.now();
    try {
      const { status, text, json } = await ask(`${base}/session`, { body });
      this.results.push({ status, at, text: status === 200 ? '' : text });
      if (status !== 200) return;
      await ask(`${base}/session/${json.session_id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${json.lease_token}` },
      });
    } catch (error) {
      this.results.push({ status: 0, at, text: String(error) });
    }
  }
}
