import { Agent, request as send } from 'undici';
import type { OpeningFact } from './checks/facts.ts';
import type { Ledger } from './ledger.ts';
import type { RigProject } from './projects.ts';

/** Of who ends, renews or reads a session. */
const PATIENCE_MS = 5_000;
const CONNECT_TIMEOUT_MS = 1_000;

export interface Asking {
  project: RigProject;
  tag: string;
  /** For a project with a client: its token instead of the bare id. */
  token?: string | undefined;
  route: '/session' | '/v1/realtime/client_secrets';
  idempotencyKey?: string | undefined;
  /** Goes away after this long. */
  patienceMs: number;
}

export interface Granted {
  opening: OpeningFact;
  id: string;
  leaseToken: string;
}

export interface Opened {
  opening: OpeningFact;
  /** Undefined when no session was granted. */
  granted: Granted | undefined;
}

export interface Target {
  index: number;
  url: string;
}

interface Reply {
  /** 0: no whole answer. */
  status: number;
  requestId: string | undefined;
  retryAfter: string | undefined;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  json: any;
}

/** Asks services as clients do, and writes down what it was told. */
export class Client {
  readonly #agent = new Agent({ connections: 48, connectTimeout: CONNECT_TIMEOUT_MS, pipelining: 1 });
  readonly #ledger: Ledger;
  readonly #adminKey: string;

  constructor(ledger: Ledger, adminKey: string) {
    this.#ledger = ledger;
    this.#adminKey = adminKey;
  }

  async open(target: Target, asking: Asking): Promise<Opened> {
    const { project, tag, token, idempotencyKey, patienceMs } = asking;
    const sentAt = Date.now();
    const { status, json, requestId, retryAfter } = await this.#send(`${target.url}${asking.route}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
      body: JSON.stringify(bodyOf(asking)),
      patienceMs,
    });
    const opening: OpeningFact = {
      tag,
      project: project.id,
      flow: token === undefined ? 'vault' : 'commercial',
      replica: target.index,
      sentAt,
      answeredAt: Date.now(),
      status,
      ...(requestId !== undefined && { requestId }),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    };
    const granted = status === 200 ? grantOf(opening, json) : undefined;
    if (status >= 400) opening.error = errorCode(json) + missingHint(status, retryAfter);
    this.#ledger.opened(opening);
    return { opening, granted };
  }

  /** True once the lease was renewed. */
  async heartbeat(target: Target, { opening, id, leaseToken }: Granted): Promise<boolean> {
    const { status, json } = await this.#send(`${target.url}/session/${id}/heartbeat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${leaseToken}` },
    });
    this.#ledger.did('heartbeat', status);
    if (status === 200) opening.heldUntil = json.lease_expires_at * 1_000;
    return status === 200;
  }

  async read(target: Target, { id, leaseToken }: Granted): Promise<void> {
    const headers = { authorization: `Bearer ${leaseToken}` };
    const { status } = await this.#send(`${target.url}/session/${id}`, { method: 'GET', headers });
    this.#ledger.did('read', status);
  }

  /** True when the service said that it has ended. */
  async end(target: Target, granted: Granted, how: 'delete' | 'release' | 'terminate'): Promise<boolean> {
    const { opening, id, leaseToken } = granted;
    // From here on it may have ended, whatever is heard of it.
    opening.heldUntil = Math.min(opening.heldUntil ?? Infinity, Date.now());
    const { status } = await this.#send(`${target.url}${pathOf(how, id)}`, {
      method: how === 'release' ? 'POST' : 'DELETE',
      ...(how === 'release' && {
        headers: { 'content-type': 'text/plain' },
        body: JSON.stringify({ lease_token: leaseToken }),
      }),
      ...(how === 'delete' && { headers: { authorization: `Bearer ${leaseToken}` } }),
      ...(how === 'terminate' && { headers: { 'x-admin-api-key': this.#adminKey } }),
    });
    this.#ledger.did(how, status);
    if (status !== 204) return false;
    opening.toldEndedAt = Date.now();
    return true;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(
    url: string,
    options: {
      method: 'GET' | 'POST' | 'DELETE';
      headers?: Record<string, string>;
      body?: string;
      patienceMs?: number;
    },
  ): Promise<Reply> {
    const { patienceMs = PATIENCE_MS, ...rest } = options;
    try {
      const { statusCode, headers, body } = await send(url, {
        ...rest,
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(patienceMs),
      });
      const text = await body.text();
      const [requestId, retryAfter] = ['x-request-id', 'retry-after'].map((name) =>
        headers[name]?.toString(),
      );
      return { status: statusCode, requestId, retryAfter, json: parsed(text) };
    } catch {
      return { status: 0, requestId: undefined, retryAfter: undefined, json: undefined };
    }
  }
}

function bodyOf({ project, tag, token, route }: Asking): Record<string, unknown> {
  const whose = token === undefined ? { project_id: project.id } : {};
  return route === '/session'
    ? { ...whose, model: tag }
    : { ...whose, session: { type: 'realtime', model: tag } };
}

function pathOf(how: 'delete' | 'release' | 'terminate', id: string): string {
  if (how === 'terminate') return `/sessions/${id}`;
  return how === 'release' ? `/session/${id}/release` : `/session/${id}`;
}

function grantOf(opening: OpeningFact, json: Reply['json']): Granted {
  const { session_id: id, lease_token: leaseToken, lease_expires_at: leaseEnds } = json;
  opening.sessionId = id;
  opening.heldUntil = leaseEnds * 1_000;
  return { opening, id, leaseToken };
}

/** A refusal without its hint is another answer than the one expected. */
function missingHint(status: number, retryAfter: string | undefined): string {
  return [429, 503].includes(status) && retryAfter === undefined ? ' without Retry-After' : '';
}

/** In our form, or in the provider's. */
function errorCode(json: Reply['json']): string {
  const error = json?.error;
  return String(typeof error === 'object' ? (error?.code ?? 'unknown') : error);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
