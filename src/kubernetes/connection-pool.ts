import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';

const CONNECTIONS = 16;

/** Connections that are kept between requests for as long as the certificates behind them stay the same. */
export class ConnectionPool {
  #dispatcher: Dispatcher | undefined;
  #identity = '';

  for(options: RequestOptions, proxyUrl: string | undefined): Dispatcher {
    const { ca, cert, key, passphrase, servername, rejectUnauthorized } = options;
    const parts = [ca, cert, key, passphrase, servername, rejectUnauthorized, proxyUrl].map(String);
    const identity = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
    if (this.#dispatcher !== undefined && identity === this.#identity) return this.#dispatcher;
    // Requests that are under way end on the old connections.
    void this.#dispatcher?.close();
    const tls = defined({ ca, cert, key, passphrase, servername, rejectUnauthorized });
    this.#dispatcher =
      proxyUrl === undefined
        ? new Agent({ connections: CONNECTIONS, connect: tls })
        : new ProxyAgent({ uri: proxyUrl, requestTls: tls });
    this.#identity = identity;
    return this.#dispatcher;
  }

  async close(): Promise<void> {
    await this.#dispatcher?.destroy();
    this.#dispatcher = undefined;
  }
}

function defined(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
