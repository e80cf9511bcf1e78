import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { CallLimits } from './call.ts';
import { Calls } from './calls.ts';
import { CONTROL_PREFIX, serveControl } from './control.ts';
import { Faults } from './faults.ts';
import type { Fault } from './faults.ts';
import { forgetSeen, seenBy, serveProvider } from './provider.ts';
import type { ProviderState } from './provider.ts';
import { pathOf } from './routes.ts';
import { Secrets } from './secrets.ts';
import { Sightings } from './sightings.ts';
import type { Seen, Sighting } from './sightings.ts';
import { asksForSocket, serveSocket } from './socket-calls.ts';

export { fingerprintOf } from './keys.ts';
export type { Fault } from './faults.ts';
export type { KeyTally, Seen, Sighting } from './sightings.ts';

export interface SimulatorOptions {
  /** 0, the default, lets the system choose. */
  port?: number;
  /** 127.0.0.1 by default. */
  host?: string | undefined;
  /** Told of each request once it was read, before anything is answered. */
  onRequest?: (sighting: Sighting) => void;
  /** Other bounds of calls than the provider's. */
  calls?: Partial<CallLimits>;
}

export interface Simulator {
  /** The base URL of the API, without a trailing slash: http://127.0.0.1:PORT/v1 */
  url: string;
  port: number;
  close(): Promise<void>;
  seen(): Seen & Required<Pick<Seen, 'log'>>;
  reset(): void;
  fault(...faults: Fault[]): void;
  clearFaults(): void;
  revoke(fingerprint: string): void;
  restore(fingerprint?: string): void;
  /** Resolves once every call has ended. */
  hangUpAll(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
// Longer than any client keeps an idle socket, so that the client is always the one that closes it.
const KEEP_ALIVE_MS = 120_000;

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const state: ProviderState = {
    faults: new Faults(),
    sightings: new Sightings(),
    revoked: new Set(),
    secrets: new Secrets(),
    calls: new Calls(options.host, options.calls),
    onRequest: options.onRequest ?? (() => undefined),
  };
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, shouldUpgradeCallback: asksForSocket },
    (request, response) => {
      serve(state, request, response);
    },
  );
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request, socket: Socket, head) => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    serveSocket(state, { request, socket, head }).catch(() => socket.destroy());
  });
  server.listen({ host: options.host ?? LOOPBACK, port: options.port ?? 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${LOOPBACK}:${port}/v1`,
    port,
    close: () => close(server, state.calls, upgraded),
    ...controls(state),
  };
}

function serve(state: ProviderState, request: IncomingMessage, response: ServerResponse): void {
  const target = request.url ?? '/';
  const served = target.startsWith(CONTROL_PREFIX)
    ? serveControl(state, request, response, new URL(target, `http://${LOOPBACK}`))
    : serveProvider(state, request, response, pathOf(target));
  served.catch((error: unknown) => {
    response.destroy(error instanceof Error ? error : undefined);
  });
}

function controls(state: ProviderState): Omit<Simulator, 'url' | 'port' | 'close'> {
  const { faults, revoked } = state;
  return {
    seen: () => ({ log: [], ...seenBy(state) }),
    reset: () => {
      forgetSeen(state);
    },
    fault: (...list) => {
      faults.add(list);
    },
    clearFaults: () => {
      faults.clear();
    },
    revoke: (fingerprint) => {
      revoked.add(fingerprint);
    },
    restore: (fingerprint) => {
      if (fingerprint === undefined) revoked.clear();
      else revoked.delete(fingerprint);
    },
    hangUpAll: () => state.calls.hangUpAll(),
  };
}

async function close(server: Server, calls: Calls, upgraded: ReadonlySet<Duplex>): Promise<void> {
  await calls.stop();
  for (const socket of upgraded) socket.destroy();
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  // Also the sockets of requests that will never be answered.
  server.closeAllConnections();
  await closed;
}
