import { KubeConfig } from '@kubernetes/client-node';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Cluster, type KubeObject } from '../../src/kubernetes/cluster.ts';

export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}

export interface ApiAnswer {
  status?: number;
  body?: unknown;
}

/** A watch that somebody opened; the test says what happens on it. */
export interface WatchStream {
  path: string;
  query: URLSearchParams;
  /** Events that arrive together. */
  send: (...events: [type: string, object: unknown][]) => void;
  /** Ends it in order. */
  end: () => void;
  /** Breaks its connection. */
  cut: () => void;
  readonly isOpen: boolean;
}

/** A Kubernetes API server as far as a test plays it, and a `Cluster` that talks to it. */
export interface ApiServer {
  cluster: Cluster;
  /** All that was asked for, watches too. */
  requests: ApiRequest[];
  watches: WatchStream[];
  close(): Promise<void>;
}

/** What is answered to a request; undefined opens a watch. */
export type ApiScript = (request: ApiRequest) => ApiAnswer | undefined | Promise<ApiAnswer | undefined>;

export async function startApiServer(script: ApiScript): Promise<ApiServer> {
  const requests: ApiRequest[] = [];
  const watches: WatchStream[] = [];
  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(message);
    requests.push(request);
    const answered = await script(request);
    if (answered === undefined) watches.push(openWatch(request, response));
    else sendJson(response, answered);
  };
  const server = createServer((message, response) => void answer(message, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cluster = clusterAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    cluster,
    requests,
    watches,
    close: async () => {
      await cluster.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An object's metadata as the API server gives it. */
export function someMetadata(
  name: string,
  resourceVersion: string,
  uid = `uid-${name}`,
): KubeObject['metadata'] {
  return { name, uid, resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z' };
}

/** The API server's refusal. */
export function refused(status: number, reason: string): ApiAnswer {
  return { status, body: { kind: 'Status', status: 'Failure', code: status, reason } };
}

function clusterAt(server: string): Cluster {
  const config = new KubeConfig();
  config.loadFromOptions({
    // Without this the client takes no http.
    clusters: [{ name: 'test', server, skipTLSVerify: true }],
    users: [{ name: 'test' }],
    contexts: [{ name: 'test', cluster: 'test', user: 'test' }],
    currentContext: 'test',
  });
  return new Cluster(config);
}

async function readRequest(message: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const { pathname, searchParams } = new URL(message.url ?? '/', 'http://localhost');
  return {
    method: message.method ?? '',
    path: pathname,
    query: searchParams,
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
  };
}

function sendJson(response: ServerResponse, { status = 200, body = {} }: ApiAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function openWatch({ path, query }: ApiRequest, response: ServerResponse): WatchStream {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  return {
    path,
    query,
    send: (...events) => {
      response.write(events.map(([type, object]) => `${JSON.stringify({ type, object })}\n`).join(''));
    },
    end: () => {
      response.end();
    },
    cut: () => {
      response.destroy();
    },
    get isOpen() {
      return !response.closed;
    },
  };
}
