import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exposition } from './exposition.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

const REQUEST_TIMEOUT_MS = 10_000;

/** Metrics with every label and the probes, on a port of their own that no ingress serves. */
export class OpsServer {
  readonly #server: Server;
  readonly #metrics: Metrics;
  readonly #refreshGauges: () => Promise<void>;
  readonly #readiness: Readiness;

  constructor(metrics: Metrics, readiness: Readiness, refreshGauges: () => Promise<void>) {
    this.#metrics = metrics;
    this.#refreshGauges = refreshGauges;
    this.#readiness = readiness;
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
      this.#answer(request, response).catch(() => {
        response.destroy();
      });
    });
  }

  /** Resolves to the port. */
  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (request.method !== 'GET') {
      send(response, 405, 'method not allowed\n');
    } else if (path === '/metrics') {
      await this.#refreshGauges();
      const { contentType, text } = await exposition(this.#metrics.registry, request.headers.accept);
      response.setHeader('content-type', contentType);
      send(response, 200, text);
    } else {
      this.#probe(path, response);
    }
  }

  #probe(path: string, response: ServerResponse): void {
    const problem = this.#readiness.problem();
    if (path === '/livez') send(response, 200, 'ok\n');
    else if (path === '/readyz') send(response, problem === undefined ? 200 : 503, `${problem ?? 'ok'}\n`);
    else send(response, 404, 'not found\n');
  }
}

function send(response: ServerResponse, status: number, text: string): void {
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.statusCode = status;
  response.end(text);
}
