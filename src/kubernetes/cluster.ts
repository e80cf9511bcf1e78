import type { KubeConfig } from '@kubernetes/client-node';
import type { RequestOptions } from 'node:https';
import { type Dispatcher, request } from 'undici';
import { isRecord } from '../common/json.ts';
import { readLimited } from '../common/read-limited.ts';
import { ConnectionPool } from './connection-pool.ts';
import { hasStatus, KubernetesError } from './kubernetes-error.ts';
import { linesOf } from './lines.ts';

const DEADLINE_MS = 10_000;
/** A page of a list: 500 objects, each of which etcd bounds at 1.5 MB, and which are a few kB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the server's root, without query. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  /** Asks for metadata alone, of one object or of a list, so that a Secret's content does not come here. */
  metadataOnly?: boolean | 'list';
}

export interface KubeObject {
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    generation?: number;
    creationTimestamp: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    managedFields?: { manager?: string; time?: string; fieldsV1?: Record<string, unknown> }[];
  };
  [field: string]: unknown;
}

export interface WatchEvents {
  onEvent: (type: string, object: unknown) => void;
  /** Once; with the reason unless the server ended the stream in order. */
  onEnd: (error: unknown) => void;
}

/** The API server, reached with the credentials of a pod or of a kubeconfig. */
export class Cluster {
  readonly #config: KubeConfig;
  readonly #server: string;
  readonly #pool = new ConnectionPool();
  /** Of their own, since each holds a connection for as long as it lasts. */
  readonly #streams = new ConnectionPool();

  constructor(config: KubeConfig) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new TypeError('the kubeconfig has no current cluster');
    this.#config = config;
    this.#server = cluster.server.replace(/\/$/, '');
  }

  /** The answer's JSON; rejects with KubernetesError when it is a refusal. */
  async request<T = KubeObject>({ method, path, query, body, metadataOnly }: ApiRequest): Promise<T> {
    const text = await this.#ask(path, {
      method,
      query: queryOf(method, query),
      headers: {
        accept: acceptOf(metadataOnly),
        ...(body !== undefined && { 'content-type': contentType(method) }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return parse(text, path) as T;
  }

  /** The object; undefined when there is none. */
  async find(path: string, options: Pick<ApiRequest, 'metadataOnly'> = {}): Promise<KubeObject | undefined> {
    try {
      return await this.request({ method: 'GET', path, ...options });
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** The body of an answer that is not JSON. */
  text(path: string): Promise<string> {
    return this.#ask(path, { method: 'GET', query: '', headers: { accept: '*/*' } });
  }

  /** Resolves once the stream is there; abort it to end it. Rejects with KubernetesError when it is refused. */
  async watch(
    path: string,
    query: Record<string, string | number>,
    { onEvent, onEnd }: WatchEvents,
  ): Promise<AbortController> {
    const { dispatcher, headers } = await this.#credentials(this.#streams);
    const stream = new AbortController();
    const answer = await request(`${this.#server}${path}${queryOf('GET', { ...query, watch: 'true' })}`, {
      dispatcher,
      headers: { ...headers, accept: 'application/json' },
      signal: stream.signal,
      headersTimeout: DEADLINE_MS,
    });
    if (answer.statusCode >= 400) await readAnswer(answer, path);
    follow(answer.body, path, onEvent).then(() => {
      onEnd(undefined);
    }, onEnd);
    return stream;
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#streams.close()]);
  }

  /** The text of the answer, in time and within bounds; rejects with KubernetesError when it is a refusal. */
  async #ask(path: string, { query, headers, ...message }: Message): Promise<string> {
    const { dispatcher, headers: credentials } = await this.#credentials();
    const answer = await request(`${this.#server}${path}${query}`, {
      ...message,
      dispatcher,
      headers: { ...credentials, ...headers },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    return readAnswer(answer, path);
  }

  /** Asked for each request: a pod's token is replaced while it runs. */
  async #credentials(
    pool = this.#pool,
  ): Promise<{ dispatcher: Dispatcher; headers: Record<string, string> }> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value);
    if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    return { dispatcher: pool.for(options, this.#config.getCurrentCluster()?.proxyUrl), headers };
  }
}

interface Message {
  method: ApiRequest['method'];
  /** With its question mark; empty without one. */
  query: string;
  headers: Record<string, string>;
  body?: string;
}

async function readAnswer(
  { statusCode, body }: Pick<Dispatcher.ResponseData, 'statusCode' | 'body'>,
  path: string,
): Promise<string> {
  const text = await readLimited(body, MAX_ANSWER_BYTES);
  if (statusCode >= 400) throw refusal(statusCode, text, path);
  return text;
}

/** As which `managedFields` name this service. */
export const FIELD_MANAGER = 'vestibule';
const WRITES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

function acceptOf(metadataOnly: ApiRequest['metadataOnly'] = false): string {
  if (metadataOnly === false) return 'application/json';
  const kind = metadataOnly === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return `application/json;as=${kind};g=meta.k8s.io;v=v1`;
}

/** Resolves when the server ends the stream in order. */
async function follow(
  body: AsyncIterable<Uint8Array>,
  path: string,
  onEvent: WatchEvents['onEvent'],
): Promise<void> {
  for await (const line of linesOf(body, MAX_ANSWER_BYTES)) {
    const event = parse(line, path);
    if (!isRecord(event)) throw new Error(`the API server sent what is no event for ${path}`);
    onEvent(String(event['type']), event['object']);
  }
}

/** Without the parser's words, which quote what was sent. */
function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the API server did not answer with JSON for ${path}`);
  }
}

function contentType(method: ApiRequest['method']): string {
  return method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
}

function queryOf(method: ApiRequest['method'], query: ApiRequest['query'] = {}): string {
  const given = new URLSearchParams();
  if (WRITES.has(method)) given.set('fieldManager', FIELD_MANAGER);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given.toString()}`;
}

function refusal(status: number, text: string, path: string): KubernetesError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const reason = isRecord(body) && typeof body['reason'] === 'string' ? body['reason'] : 'Unknown';
  return new KubernetesError(status, reason, path);
}
