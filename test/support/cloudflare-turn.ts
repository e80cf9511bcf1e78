import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Asked {
  method: string;
  path: string;
  authorization: string | undefined;
  body: string;
}

/** Cloudflare's TURN API, as far as credentials are asked for. */
export interface CloudflareStandIn {
  url: string;
  keyId: string;
  /** The only token that it takes. */
  token: string;
  asked: Asked[];
  /** What a good request is answered; may also never answer. */
  answer: (response: ServerResponse) => void;
  /** Answers as it did in the beginning. */
  mend(): void;
  /** Refuses all connections from now on. */
  close(): Promise<void>;
}

/** As Cloudflare documents it, with the URLs on port 53 that it lists as well. */
export function iceServersOf(username: string, credential: string): unknown {
  const host = 'turn.cloudflare.com';
  return {
    iceServers: [
      { urls: ['stun:stun.cloudflare.com:3478', 'stun:stun.cloudflare.com:53'] },
      {
        urls: [
          `turn:${host}:3478?transport=udp`,
          `turn:${host}:53?transport=udp`,
          `turn:${host}:3478?transport=tcp`,
          `turn:${host}:80?transport=tcp`,
          `turns:${host}:5349?transport=tcp`,
          `turns:${host}:443?transport=tcp`,
        ],
        username,
        credential,
      },
    ],
  };
}

export function answerJson(response: ServerResponse, body: unknown, status = 201): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

const good = (response: ServerResponse): void => {
  answerJson(response, iceServersOf(hex(32), hex(32)));
};

export async function startCloudflare(): Promise<CloudflareStandIn> {
  const [keyId, token] = [hex(16), hex(32)];
  const path = `/v1/turn/keys/${keyId}/credentials/generate-ice-servers`;
  const asked: Asked[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    asked.push({ method, path: url, authorization: headers.authorization, body: await text(request) });
    if (method !== 'POST' || url !== path) answerJson(response, { error: 'not found' }, 404);
    else if (headers.authorization !== `Bearer ${token}`) answerJson(response, { error: 'no' }, 401);
    else standIn.answer(response);
  };
  const server = createServer((request, response) => {
    void serve(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const standIn: CloudflareStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keyId,
    token,
    asked,
    answer: good,
    mend: () => {
      standIn.answer = good;
    },
    close: async () => {
      server.closeAllConnections();
      if (server.listening) {
        server.close();
        await once(server, 'close');
      }
    },
  };
  return standIn;
}
