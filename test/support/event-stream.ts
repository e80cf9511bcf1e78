import { until } from './until.ts';

export interface StreamEvent {
  event: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into events freely
  data: any;
}

/** Server-sent events as they arrive, read by fetch. */
export class EventStream {
  readonly status: number;
  readonly headers: Headers;
  readonly events: StreamEvent[] = [];
  readonly comments: string[] = [];
  retry: number | undefined;
  /** Resolves to how it ended: by the server's word, or broken off. */
  readonly ended: Promise<'ended' | 'broken'>;
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#abort = abort;
    this.ended = this.#read(response.body!).then(
      () => 'ended' as const,
      () => 'broken' as const,
    );
  }

  static async open(url: string, headers: Record<string, string>): Promise<EventStream> {
    const abort = new AbortController();
    return new EventStream(await fetch(url, { headers, signal: abort.signal }), abort);
  }

  of(event: string): unknown[] {
    return this.events.filter((one) => one.event === event).map(({ data }) => data as unknown);
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  next(event: string, matches: (data: any) => boolean = () => true, deadlineMs?: number): Promise<any> {
    return until(
      `a ${event} event`,
      () => this.events.find((one) => one.event === event && matches(one.data))?.data,
      deadlineMs,
    );
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.ended;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
    }
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).trimStart()] as const;
      }),
    );
    const [comment, retry, event, data] = ['', 'retry', 'event', 'data'].map((name) => fields.get(name));
    if (comment !== undefined) this.comments.push(comment);
    if (retry !== undefined) this.retry = Number(retry);
    if (event !== undefined) this.events.push({ event, data: JSON.parse(data ?? 'null') });
  }
}
