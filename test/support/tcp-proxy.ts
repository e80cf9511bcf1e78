import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Endpoint {
  host: string;
  port: number;
}

/** What is wrong with a way, for as long as it is imposed. */
export type Trouble =
  /** Each piece of data takes this much longer, either way. */
  | { kind: 'latency'; ms: number }
  /** Connections break with a reset, and new ones are refused a word. */
  | { kind: 'refuse' }
  /** Connections stay, and nothing comes through. */
  | { kind: 'silence' }
  /** What the client says arrives, and nothing comes back. */
  | { kind: 'deaf' }
  /** Each connection breaks in the middle of its next answer, this many bytes after its beginning. */
  | { kind: 'cut'; bytes: number };

type Way = 'there' | 'back';

/** Stands between clients and a server, and can take it away from them. */
export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #troubles = new Set<Trouble>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** The target is looked up for each connection; while there is none, connections are refused a word. */
  static async start(target: () => Endpoint | undefined): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new TcpProxy(server, (server.address() as AddressInfo).port);
    server.on('connection', (socket) => {
      proxy.#accept(socket, target());
    });
    return proxy;
  }

  /** Returns what lifts it; several add up. */
  impose(trouble: Trouble): () => void {
    this.#troubles.add(trouble);
    if (trouble.kind === 'refuse') this.reset();
    return () => {
      this.#troubles.delete(trouble);
      for (const link of this.#links) link.look();
    };
  }

  /** Breaks the connections that there are. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /** The connections that there are say nothing any more, as on a network that forgot them. */
  forget(): void {
    for (const link of this.#links) link.forgotten = true;
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#links.size;
  }

  async stop(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket, target: Endpoint | undefined): void {
    if (target === undefined || this.#find('refuse') !== undefined) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, target, {
      latencyMs: () => this.#latencyMs(),
      holds: (way) =>
        this.#find('silence') !== undefined || (way === 'back' && this.#find('deaf') !== undefined),
      cutAfter: () => this.#find('cut')?.bytes,
    });
    this.#links.add(link);
    client.once('close', () => this.#links.delete(link));
  }

  #latencyMs(): number {
    let sum = 0;
    for (const trouble of this.#troubles) if (trouble.kind === 'latency') sum += trouble.ms;
    return sum;
  }

  #find<Kind extends Trouble['kind']>(kind: Kind): Extract<Trouble, { kind: Kind }> | undefined {
    for (const trouble of this.#troubles) {
      if (trouble.kind === kind) return trouble as Extract<Trouble, { kind: Kind }>;
    }
    return undefined;
  }
}

interface Rules {
  latencyMs(): number;
  holds(way: Way): boolean;
  cutAfter(): number | undefined;
}

/** One connection, passed on piece by piece. */
class Link {
  forgotten = false;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #rules: Rules;
  #lookAgain: (() => void)[] = [];

  constructor(client: Socket, target: Endpoint, rules: Rules) {
    this.#client = client;
    this.#upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.#rules = rules;
    this.#pass(client, this.#upstream, 'there');
    this.#pass(this.#upstream, client, 'back');
  }

  reset(): void {
    for (const socket of [this.#client, this.#upstream]) reset(socket);
    this.look();
  }

  /** What waits asks the rules again. */
  look(): void {
    for (const wake of this.#lookAgain.splice(0)) wake();
  }

  #pass(from: Socket, to: Socket, way: Way): void {
    from.on('data', (chunk) => {
      from.pause();
      void this.#forward(chunk, to, way).finally(() => from.resume());
    });
    from.on('end', () => to.end());
    from.on('error', () => {
      reset(to);
    });
    from.on('close', () => {
      // What was sent before a proper end is still on its way; the other side closes when it has it.
      if (from.errored === null && from.readableEnded) to.end();
      else to.destroy();
      this.look();
    });
  }

  async #forward(chunk: Buffer, to: Socket, way: Way): Promise<void> {
    const latencyMs = this.#rules.latencyMs();
    if (latencyMs > 0) await delay(latencyMs);
    while (!to.destroyed && (this.forgotten || this.#rules.holds(way))) {
      await new Promise<void>((wake) => this.#lookAgain.push(wake));
    }
    if (to.destroyed) return;
    const cutAfter = way === 'back' ? this.#rules.cutAfter() : undefined;
    if (cutAfter !== undefined) {
      to.write(chunk.subarray(0, cutAfter), () => {
        this.reset();
      });
      return;
    }
    if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => undefined);
  }
}

/** libuv refuses to reset after an end, and Node never closes what was refused so: its process then spins at its exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
