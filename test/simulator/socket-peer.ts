import { once } from 'node:events';

import type { WebSocket } from 'ws';

import type { Peer, PeerListener } from './peer.ts';

/** Often enough that a client that answers is never taken for gone. */
const PING_MS = 10_000;
/** For the client to close its side. */
const CLOSING_MS = 250;
const NORMAL = 1000;

/** A client that is connected by a WebSocket, in whose messages events and audio travel alike. */
export class SocketPeer implements Peer {
  readonly #socket: WebSocket;
  readonly #pings: NodeJS.Timeout;
  #closed: Promise<void> | undefined;

  /** The socket must be open. */
  constructor(socket: WebSocket, listener: PeerListener) {
    this.#socket = socket;
    this.#pings = setInterval(() => {
      socket.ping();
    }, PING_MS);
    socket.on('pong', () => {
      listener.alive();
    });
    socket.on('message', (data: Buffer) => {
      listener.alive();
      listener.message(data.toString('utf8'));
    });
    // What breaks it also closes it.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearInterval(this.#pings);
      if (this.#closed === undefined) listener.gone();
    });
  }

  send(text: string): void {
    // After its end there is nobody to be told of a failure.
    this.#socket.send(text, () => undefined);
  }

  waiting(): number {
    return this.#socket.bufferedAmount;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    clearInterval(this.#pings);
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    const closed = once(this.#socket, 'close', { signal: AbortSignal.timeout(CLOSING_MS) });
    this.#socket.close(NORMAL);
    try {
      await closed;
    } catch {
      this.#socket.terminate();
    }
  }
}
