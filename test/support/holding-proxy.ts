import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Bytes that go through as one, and what they are: pieces without a label are never held. */
export interface Piece {
  bytes: Buffer;
  label?: string;
}

export type Splitter = (chunk: Buffer) => Piece[];

/** Cuts both directions of one connection into pieces. */
export interface Dialect {
  /** From the client to the server. */
  before: Splitter;
  /** Back. */
  after: Splitter;
  /** Told of each labelled piece that went on to the server. */
  sent?: (label: string) => void;
}

/** One piece that is kept back. */
export interface Hold {
  reached: Promise<void>;
  /** Lets it through, and all that waits behind it. */
  pass: () => void;
  /** It never arrives: both ends of its connection are closed. */
  cut: () => void;
}

type Direction = 'before' | 'after';

interface Armed {
  direction: Direction;
  part: string;
  /** How many such pieces are still let through. */
  left: number;
  caught: (lane: Lane) => void;
}

/** Stands between clients and a server, and keeps back what a test names: before it arrives, or its answer. */
export class HoldingProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #connections = new Set<() => void>();
  #target: number;
  #armed: Armed[] = [];

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(target: number, dialect: () => Dialect): Promise<HoldingProxy> {
    const server = createServer({ allowHalfOpen: false });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new HoldingProxy(server, target);
    server.on('connection', (client) => {
      proxy.#join(client, connect(proxy.#target, '127.0.0.1'), dialect());
    });
    return proxy;
  }

  /** The same address, but through here. */
  through(url: string): string {
    const changed = new URL(url);
    changed.port = String(this.port);
    return changed.href;
  }

  /** Keeps back the n-th piece from now on whose label has this part. */
  hold(direction: Direction, part: string, nth = 1): Hold {
    let lane: Lane | undefined;
    const reached = new Promise<void>((resolve) => {
      const caught = (found: Lane): void => {
        lane = found;
        resolve();
      };
      this.#armed.push({ direction, part, left: nth - 1, caught });
    });
    const held = (): Lane => {
      if (lane === undefined) throw new Error(`nothing was held ${direction} ${part}`);
      return lane;
    };
    return {
      reached,
      pass: () => {
        held().pass();
      },
      cut: () => {
        held().cut();
      },
    };
  }

  /** Where new connections go; those that there are stay. */
  leadTo(target: number): void {
    this.#target = target;
  }

  /** Ends the connections that there are. */
  drop(): void {
    for (const end of this.#connections) end();
  }

  async stop(): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket, dialect: Dialect): void {
    const end = (): void => {
      client.destroy();
      server.destroy();
      this.#connections.delete(end);
    };
    this.#connections.add(end);
    const catching = (direction: Direction) => (label: string, lane: Lane) =>
      this.#catch(direction, label, lane);
    const up = new Lane(server, end, { catching: catching('before'), sent: dialect.sent });
    const down = new Lane(client, end, { catching: catching('after'), sent: undefined });
    for (const [socket, split, lane] of [
      [client, dialect.before, up],
      [server, dialect.after, down],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('data', (chunk) => {
        for (const piece of split(chunk)) lane.push(piece);
      });
      socket.on('error', end);
      socket.on('close', end);
    }
  }

  #catch(direction: Direction, label: string, lane: Lane): boolean {
    const index = this.#armed.findIndex((one) => one.direction === direction && label.includes(one.part));
    const armed = this.#armed[index];
    if (armed === undefined) return false;
    armed.left -= 1;
    if (armed.left >= 0) return false;
    this.#armed.splice(index, 1);
    armed.caught(lane);
    return true;
  }
}

interface LaneOptions {
  catching: (label: string, lane: Lane) => boolean;
  sent: ((label: string) => void) | undefined;
}

/** One direction of a connection; keeps order. */
class Lane {
  readonly #to: Socket;
  readonly #end: () => void;
  readonly #options: LaneOptions;
  #waiting: Piece[] | undefined;

  constructor(to: Socket, end: () => void, options: LaneOptions) {
    this.#to = to;
    this.#end = end;
    this.#options = options;
  }

  push(piece: Piece): void {
    if (this.#waiting !== undefined) this.#waiting.push(piece);
    else if (piece.label !== undefined && this.#options.catching(piece.label, this)) this.#waiting = [piece];
    else this.#send(piece);
  }

  pass(): void {
    const [first, ...rest] = this.#waiting ?? [];
    this.#waiting = undefined;
    if (first !== undefined) this.#send(first);
    for (const piece of rest) this.push(piece);
  }

  cut(): void {
    this.#end();
  }

  #send({ bytes, label }: Piece): void {
    if (label !== undefined) this.#options.sent?.(label);
    this.#to.write(bytes);
  }
}
