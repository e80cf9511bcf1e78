/**
 * The load generator, a process of its own so that its CPU counts to no subject. It is told by messages: `prepare`
 * opens the connections and sends one request over each, `go` measures, then the connections are closed.
 */
import { Client } from 'undici';
import { percentile } from './statistics.ts';
import { callerAt } from './turns.ts';

const TIMEOUT_MS = 15_000;
/** A server that refuses at once must not be asked in a tight loop. */
const ERROR_PAUSE_MS = 10;

export interface Target {
  /** Where to POST, in full, and all on one path; connections are spread over them. */
  urls: string[];
  /** Used in turn, one a request, or the first as often as `hotPercent` says. */
  headers: Record<string, string>[];
  hotPercent?: number | undefined;
  body: string;
  /** Each has one request under way at any time. */
  connections: number;
}

export type Order = { kind: 'prepare'; target: Target } | { kind: 'go'; seconds: number };

/** Latencies are of 200 answers only, in milliseconds; null when there was none. */
export interface Load {
  /** From the first request to the last answer: all that was begun is counted. */
  elapsedMs: number;
  sessions: number;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  /** Everything but 200, by status or error code. */
  errors: Record<string, number>;
}

export type Report = { kind: 'prepared' } | { kind: 'done'; load: Load };

class Round {
  readonly #target: Target;
  readonly #path: string;
  readonly #clients: Client[];
  #next = 0;
  #latencies: number[] = [];
  #errors: Record<string, number> = {};

  constructor(target: Target) {
    const urls = target.urls.map((url) => new URL(url));
    this.#target = target;
    this.#path = urls[0] === undefined ? '/' : `${urls[0].pathname}${urls[0].search}`;
    this.#clients = Array.from(
      { length: target.connections },
      (_, index) =>
        new Client(urls[index % urls.length]?.origin ?? '', {
          pipelining: 1,
          allowH2: false,
          connectTimeout: TIMEOUT_MS,
          headersTimeout: TIMEOUT_MS,
          bodyTimeout: TIMEOUT_MS,
        }),
    );
  }

  /** Connects, and lets each connection have had its first request. */
  async prepare(): Promise<void> {
    await Promise.all(this.#clients.map((client) => this.#ask(client)));
  }

  async run(seconds: number): Promise<Load> {
    this.#latencies = [];
    this.#errors = {};
    const start = performance.now();
    const end = start + seconds * 1000;
    await Promise.all(this.#clients.map((client) => this.#askUntil(client, end)));
    const elapsedMs = performance.now() - start;
    const ascending = Float64Array.from(this.#latencies).sort();
    return {
      elapsedMs,
      sessions: ascending.length,
      p50Ms: percentile(ascending, 0.5),
      p95Ms: percentile(ascending, 0.95),
      p99Ms: percentile(ascending, 0.99),
      errors: this.#errors,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.destroy()));
  }

  async #askUntil(client: Client, end: number): Promise<void> {
    while (performance.now() < end) await this.#ask(client);
  }

  async #ask(client: Client): Promise<void> {
    const start = performance.now();
    const outcome = await this.#status(client);
    if (outcome === 200) {
      this.#latencies.push(performance.now() - start);
      return;
    }
    this.#errors[outcome] = (this.#errors[outcome] ?? 0) + 1;
    if (typeof outcome === 'string') await new Promise((resolve) => setTimeout(resolve, ERROR_PAUSE_MS));
  }

  /** The status of a complete answer, or the code of what prevented it. */
  #status(client: Client): Promise<number | string> {
    const { headers, hotPercent, body } = this.#target;
    const header = headers[callerAt(this.#next++, headers.length, hotPercent)];
    return new Promise((resolve) => {
      let status = 0;
      client.dispatch(
        { method: 'POST', path: this.#path, headers: header ?? {}, body },
        {
          onRequestStart: () => undefined,
          onResponseStart: (_controller, statusCode) => {
            status = statusCode;
          },
          onResponseData: () => undefined,
          onResponseEnd: () => {
            resolve(status);
          },
          onResponseError: (_controller, error) => {
            resolve((error as NodeJS.ErrnoException).code ?? error.name);
          },
        },
      );
    });
  }
}

let round: Round | undefined;

async function obey(order: Order): Promise<Report> {
  if (order.kind === 'prepare') {
    round = new Round(order.target);
    await round.prepare();
    return { kind: 'prepared' };
  }
  if (round === undefined) throw new Error('go before prepare');
  const load = await round.run(order.seconds);
  await round.close();
  return { kind: 'done', load };
}

process.on('message', (order: Order) => {
  obey(order).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
// The bench is gone, however it went.
process.on('disconnect', () => process.exit(0));
