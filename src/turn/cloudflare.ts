import type { Clock } from '../common/clock.ts';
import { withoutTrailingSlash } from '../common/url.ts';
import { DeadlineError, post, postAgent, type PostAnswer } from '../providers/post.ts';
import type { TurnSecret } from '../vault/turn-secret.ts';
import { readIceServers, UnusableAnswer } from './cloudflare-answer.ts';
import type { IceServer } from './ice-servers.ts';
import { authorizationOf, isInJson } from './secret-use.ts';

/** A session waits for it no longer, and beside the mint. */
const DEADLINE_MS = 2_500;
const MAX_ANSWER_BYTES = 32 * 1024;
/** One answer serves all who ask in this time, and so does a failure. */
const KEPT_MS = 30_000;
/** More projects than this ask more often. */
const MAX_KEPT_ANSWERS = 10_000;
const CONNECTIONS = 16;

/** Why there are no relays: for the log, and without a word of what was answered. */
export class RelaysUnavailable extends Error {}

/** Credentials as they were asked for. */
export interface CloudflareRequest {
  /** The resource's name: what one project is answered, no other gets. */
  project: string;
  keyId: string;
  ttlSeconds: number;
  secret: TurnSecret;
}

export interface CloudflareAnswer {
  iceServers: IceServer[];
  /** Whole seconds that they still live. */
  ttl: number;
}

interface Kept {
  /** By the monotonic clock, in ms. */
  askedAt: number;
  iceServers: Promise<IceServer[]>;
}

/** Cloudflare's TURN service, `POST {baseUrl}/v1/turn/keys/{keyId}/credentials/generate-ice-servers`. */
export class CloudflareTurn {
  readonly #origin: string;
  readonly #clock: Clock;
  readonly #agent = postAgent(CONNECTIONS, DEADLINE_MS);
  /** The oldest first. */
  readonly #kept = new Map<string, Kept>();

  constructor(baseUrl: string, clock: Clock) {
    this.#origin = withoutTrailingSlash(baseUrl);
    this.#clock = clock;
  }

  /** Asks at most once in 30 s for a project, its key and its secret; rejects with RelaysUnavailable. */
  async relays(request: CloudflareRequest): Promise<CloudflareAnswer> {
    const { askedAt, iceServers } = this.#keptOf(request);
    const found = await iceServers;
    const lived = (this.#clock.monotonic() - askedAt) / 1000;
    return { iceServers: found, ttl: Math.floor(request.ttlSeconds - lived) };
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  #keptOf(request: CloudflareRequest): Kept {
    const { project, keyId, ttlSeconds, secret } = request;
    const id = JSON.stringify([project, keyId, ttlSeconds, secret.fingerprint]);
    const now = this.#clock.monotonic();
    this.#dropOld(now);
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    const asked = { askedAt: now, iceServers: this.#ask(request) };
    this.#kept.set(id, asked);
    return asked;
  }

  #dropOld(now: number): void {
    for (const [id, { askedAt }] of this.#kept) {
      if (now - askedAt < KEPT_MS && this.#kept.size < MAX_KEPT_ANSWERS) return;
      this.#kept.delete(id);
    }
  }

  async #ask({ keyId, ttlSeconds, secret }: CloudflareRequest): Promise<IceServer[]> {
    const { status, text } = await this.#post(keyId, ttlSeconds, secret);
    if (status !== 201) throw new RelaysUnavailable(`Cloudflare answered with status ${status}`);
    try {
      const iceServers = readIceServers(text);
      if (isInJson(JSON.stringify(iceServers), secret)) throw new UnusableAnswer('with the token itself');
      return iceServers;
    } catch (error) {
      if (!(error instanceof UnusableAnswer)) throw error;
      throw new RelaysUnavailable(`Cloudflare answered ${error.message}`);
    }
  }

  async #post(keyId: string, ttlSeconds: number, secret: TurnSecret): Promise<PostAnswer> {
    try {
      return await post(this.#agent, {
        url: {
          origin: this.#origin,
          pathname: `/v1/turn/keys/${keyId}/credentials/generate-ice-servers`,
          search: '',
        },
        headers: { authorization: authorizationOf(secret), 'content-type': 'application/json' },
        body: JSON.stringify({ ttl: ttlSeconds }),
        deadlineMs: DEADLINE_MS,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        signal: undefined,
      });
    } catch (error) {
      throw new RelaysUnavailable(whyNot(error));
    }
  }
}

/** Errors of the client library can carry the request, headers and all: only their code is kept. */
function whyNot(error: unknown): string {
  const { code } = error as { code?: unknown };
  const known = typeof code === 'string' ? code : '';
  if (error instanceof DeadlineError || known.includes('TIMEOUT')) return 'Cloudflare did not answer in time';
  return `Cloudflare could not be asked ${known}`.trim();
}
