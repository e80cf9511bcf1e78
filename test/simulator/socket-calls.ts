import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import type { WebSocketServer } from 'ws';

import { secretOf } from './call-answers.ts';
import { Call } from './call.ts';
import { refusal } from './envelope.ts';
import type { Refusal } from './envelope.ts';
import { answeredByFault } from './fault-answers.ts';
import { installed } from './installed.ts';
import { bearerOf } from './keys.ts';
import { MAX_TAKEN_BYTES } from './peer.ts';
import { begin, gate, nextVerdict } from './provider.ts';
import type { Exchange, ProviderState } from './provider.ts';
import { pathOf, routeOf } from './routes.ts';
import { SocketPeer } from './socket-peer.ts';
import { sendRefusal } from './wire.ts';

const PROTOCOL = 'realtime';
/** By which a page names its secret, for it can send no header. */
const SECRET_PROTOCOL = 'openai-insecure-api-key.';

interface Upgrade {
  request: IncomingMessage;
  socket: Socket;
  /** What came behind the request. */
  head: Buffer;
}

let handshakes: WebSocketServer | undefined;

export function asksForSocket({ url = '', headers }: IncomingMessage): boolean {
  return routeOf(pathOf(url))?.name === 'realtime' && headers.upgrade?.toLowerCase() === 'websocket';
}

/** Opens a session with a secret that was given out here, by a WebSocket; or answers as to any other request. */
export async function serveSocket(state: ProviderState, upgrade: Upgrade): Promise<void> {
  const { request, socket } = upgrade;
  socket.on('error', () => socket.destroy());
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  // What a server does for the sockets of its requests, but not of one that asks for an upgrade.
  const gone = (): void => {
    socket.destroy();
  };
  socket.once('end', gone);
  socket.on('drain', () => response.emit('drain'));
  response.once('finish', () => {
    socket.destroySoon();
  });
  request.headers.authorization ??= namedByProtocol(request);
  const path = pathOf(request.url ?? '');
  const exchange = begin(state, request, response, path, routeOf(path));
  state.onRequest(exchange.sighting);
  const verdict = await nextVerdict(state.faults, exchange);
  if (response.destroyed || answeredByFault(response, verdict)) return;
  socket.off('end', gone);
  const refused = gate(exchange, state.revoked) ?? (await open(state, upgrade, exchange));
  if (refused) sendRefusal(response, refused);
}

function namedByProtocol({ headers }: IncomingMessage): string | undefined {
  const offered = headers['sec-websocket-protocol']?.split(',').map((one) => one.trim()) ?? [];
  const named = offered.find((one) => one.startsWith(SECRET_PROTOCOL));
  return named && `Bearer ${named.slice(SECRET_PROTOCOL.length)}`;
}

async function open(
  { calls, secrets }: ProviderState,
  { request, socket, head }: Upgrade,
  { response, settle }: Exchange,
): Promise<Refusal | undefined> {
  const secret = secretOf(secrets, bearerOf(request.headers.authorization));
  if ('error' in secret) return secret;
  const ws = await installed(() => import('ws'));
  if (!ws)
    return refusal(501, 'WebSockets are not simulated here: ws is not installed.', { type: 'server_error' });
  const call = calls.begin(secret, 'events');
  if (!(call instanceof Call)) return call;
  handshakes ??= new ws.WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_TAKEN_BYTES,
    handleProtocols: (offered) => offered.has(PROTOCOL) && PROTOCOL,
  });
  let peer: SocketPeer | undefined;
  response.detachSocket(socket);
  // At once, or never: it then has answered what is wrong with the handshake.
  handshakes.handleUpgrade(request, socket, head, (opened) => {
    peer = new SocketPeer(opened, call);
  });
  settle(peer ? 101 : 400);
  if (peer && (await calls.connect(call, peer))) call.opened();
  else await call.close();
  return undefined;
}
