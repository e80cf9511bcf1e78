import type { IncomingHttpHeaders } from 'node:http';
import { Agent, type Dispatcher } from 'undici';

export interface PostOptions {
  url: { origin: string; pathname: string; search: string };
  headers: Record<string, string>;
  body: string;
  /** For the whole exchange, waiting for a connection included. */
  deadlineMs: number;
  maxAnswerBytes: number;
  /** Ends it earlier. */
  signal: AbortSignal | undefined;
}

export interface PostAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** The deadline passed before the answer was whole. */
export class DeadlineError extends Error {}

/** Connections for `post`, with bounds of their own beneath its deadline. Who makes it closes it. */
export function postAgent(connections: number, deadlineMs: number): Agent {
  return new Agent({
    connections,
    pipelining: 1,
    connect: { timeout: deadlineMs },
    headersTimeout: deadlineMs,
    bodyTimeout: deadlineMs,
    maxHeaderSize: 16 * 1024,
  });
}

/** One POST and the whole of its answer; no retry, no redirect. */
export function post(dispatcher: Dispatcher, options: PostOptions): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const { url, headers, body } = options;
    dispatcher.dispatch(
      { origin: url.origin, path: `${url.pathname}${url.search}`, method: 'POST', headers, body },
      new Exchange(options, resolve, reject),
    );
  });
}

/** By undici's own callbacks: its `request` makes a stream of each answer, which costs more than the exchange. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #maxAnswerBytes: number;
  readonly #resolve: (answer: PostAnswer) => void;
  readonly #reject: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #cancel = (): void => {
    this.#fail(new Error('cancelled'));
  };
  #controller: Dispatcher.DispatchController | undefined;
  /** Why it is over, when that is not for the answer's end. */
  #failure: Error | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(
    { deadlineMs, maxAnswerBytes, signal }: PostOptions,
    resolve: (answer: PostAnswer) => void,
    reject: (error: Error) => void,
  ) {
    this.#maxAnswerBytes = maxAnswerBytes;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => {
      this.#fail(new DeadlineError());
    }, deadlineMs);
    this.#signal = signal;
    signal?.addEventListener('abort', this.#cancel);
    if (signal?.aborted === true) this.#cancel();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // It may have waited for a connection until nobody wanted its answer: it is then never sent.
    if (this.#failure === undefined) this.#controller = controller;
    else controller.abort(this.#failure);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#maxAnswerBytes) this.#fail(new Error('the answer is too large'));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#settle();
    const [first, ...more] = this.#chunks;
    const bytes = more.length === 0 ? first : Buffer.concat(this.#chunks, this.#size);
    this.#resolve({ status: this.#status, headers: this.#headers, text: bytes?.toString('utf8') ?? '' });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#settle();
    this.#reject(this.#failure ?? error);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#settle();
    this.#reject(this.#failure);
    this.#controller?.abort(this.#failure);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#cancel);
  }
}
