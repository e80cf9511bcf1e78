/**
 * Load that does not wait for answers, as a process of its own: arrivals at a constant rate, or, at rate 0, each
 * connection asks again at once. An arrival that is not answered within its deadline has given up: its connection is
 * closed, and what comes after does not count. Bytes on sockets, so that refusals are limited by who refuses.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface LoadOrder {
  url: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** Arrivals a second; 0: as many as are answered. */
  rate: number;
  connections: number;
  deadlineMs: number;
  /** Not counted, before the seconds that are. */
  warmUpSeconds: number;
  seconds: number;
}

export interface LoadReport {
  /** A second. */
  arrivals: number;
  /** 200 answers in time, a second. */
  goodput: number;
  /** Answers, by status. */
  statuses: Record<string, number>;
  /** 503 answers without a Retry-After. */
  unexplained: number;
  gaveUp: number;
}

const TICK_MS = 2;
const RECONNECT_MS = 5;
const CONNECT_MS = 10_000;

/** Runs the load to its end. */
export async function openLoad(order: LoadOrder): Promise<LoadReport> {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  child.send(order);
  const limit = AbortSignal.timeout((order.warmUpSeconds + order.seconds) * 1000 + 2 * CONNECT_MS);
  try {
    const [report] = (await once(child, 'message', { signal: limit })) as [LoadReport];
    return report;
  } finally {
    child.kill('SIGKILL');
  }
}

class Connection {
  readonly #load: Load;
  #socket: Socket;
  #received = '';
  /** When its request arrived; undefined without one. */
  askedAt: number | undefined;

  constructor(load: Load) {
    this.#load = load;
    this.#socket = this.#connect();
  }

  ask(request: string, arrivedAt: number): void {
    this.askedAt = arrivedAt;
    this.#socket.write(request);
  }

  giveUp(): void {
    this.#socket.destroy();
  }

  #connect(): Socket {
    const { hostname, port } = new URL(this.#load.order.url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket
      .setEncoding('latin1')
      .on('connect', () => {
        this.#load.connected += 1;
        this.#load.ready(this);
      })
      .on('data', (text: string) => {
        this.#receive(text);
      })
      .on('error', () => undefined)
      .on('close', () => {
        this.#load.lost(this);
        this.#received = '';
        setTimeout(() => {
          this.#socket = this.#connect();
        }, RECONNECT_MS);
      });
    return socket;
  }

  #receive(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#received.slice(0, end);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (this.#received.length < end + 4 + length) return;
    this.#received = '';
    this.#load.answered(this, head);
  }
}

class Load {
  readonly order: LoadOrder;
  readonly #request: string;
  readonly #connections: Connection[];
  #free: Connection[] = [];
  /** Arrivals that found no connection free. */
  #queue: number[] = [];
  #arrivals = 0;
  #good = 0;
  #gaveUp = 0;
  #unexplained = 0;
  #statuses: Record<string, number> = {};
  #asksAtOnce = false;
  connected = 0;

  constructor(order: LoadOrder) {
    this.order = order;
    const headers = { host: '127.0.0.1', ...order.headers, 'content-length': String(order.body.length) };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#request = `POST ${order.path} HTTP/1.1\r\n${lines.join('')}\r\n${order.body}`;
    this.#connections = Array.from({ length: order.connections }, () => new Connection(this));
  }

  async run(): Promise<LoadReport> {
    const { rate, warmUpSeconds, seconds } = this.order;
    await this.#connected();
    this.#asksAtOnce = rate === 0;
    if (this.#asksAtOnce) for (const free of this.#free.splice(0)) this.ready(free);
    await this.#go(warmUpSeconds);
    [this.#arrivals, this.#good, this.#gaveUp, this.#unexplained] = [0, 0, 0, 0];
    this.#statuses = {};
    const elapsed = await this.#go(seconds);
    return {
      arrivals: this.#arrivals / elapsed,
      goodput: this.#good / elapsed,
      statuses: this.#statuses,
      unexplained: this.#unexplained,
      gaveUp: this.#gaveUp,
    };
  }

  async #connected(): Promise<void> {
    const started = performance.now();
    while (this.connected < this.order.connections && performance.now() - started < CONNECT_MS) await pause();
  }

  /** Resolves to the seconds that it really took. */
  async #go(seconds: number): Promise<number> {
    const start = performance.now();
    let due = 0;
    for (let now = start; now < start + seconds * 1000; now = performance.now()) {
      for (; due < ((now - start) / 1000) * this.order.rate; due += 1) this.#arrive(now);
      this.#expire(now);
      await pause();
    }
    return (performance.now() - start) / 1000;
  }

  ready(connection: Connection): void {
    const arrivedAt = this.#asksAtOnce ? performance.now() : this.#queue.shift();
    if (arrivedAt === undefined) this.#free.push(connection);
    else connection.ask(this.#request, arrivedAt);
  }

  lost(connection: Connection): void {
    connection.askedAt = undefined;
    this.#free = this.#free.filter((other) => other !== connection);
  }

  answered(connection: Connection, head: string): void {
    const status = head.slice(9, 12);
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (status === '503' && !/^retry-after: \d+$/im.test(head)) this.#unexplained += 1;
    if (status === '200' && connection.askedAt !== undefined) this.#good += 1;
    connection.askedAt = undefined;
    this.ready(connection);
  }

  #arrive(now: number): void {
    const free = this.#free.pop();
    if (free === undefined) this.#queue.push(now);
    else free.ask(this.#request, now);
    this.#arrivals += 1;
  }

  #expire(now: number): void {
    const latest = now - this.order.deadlineMs;
    for (const connection of this.#connections) {
      if (connection.askedAt === undefined || connection.askedAt > latest) continue;
      this.#gaveUp += 1;
      connection.giveUp();
    }
    const waiting = this.#queue.findIndex((arrivedAt) => arrivedAt > latest);
    this.#gaveUp += this.#queue.splice(0, waiting < 0 ? this.#queue.length : waiting).length;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, TICK_MS));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('message', (order: LoadOrder) => {
    void new Load(order).run().then((report) => process.send?.(report));
  });
  // The test is gone, however it went.
  process.once('disconnect', () => process.exit(0));
}
