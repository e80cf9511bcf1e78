import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { KeyEntries } from '../projects/key-entries.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Project, TurnSettings } from '../projects/resource.ts';
import type { TurnSecret } from '../vault/turn-secret.ts';
import type { Vault } from '../vault/vault.ts';
import { type CloudflareTurn, RelaysUnavailable } from './cloudflare.ts';
import { type IceServer, splitUrls, STUN_ONLY } from './ice-servers.ts';
import { sharedCredential, signedCredential } from './secret-use.ts';

/** How long an answer without credentials is good for: when to look again. */
const STUN_TTL_S = 600;
const MAX_REMEMBERED_FAILURES = 10_000;

/** How a request for relays ended. */
export type TurnOutcome = 'relays' | 'secret_missing' | 'provider_failed';

export interface IceAnswer {
  iceServers: readonly IceServer[];
  /** Whole seconds for which it holds. */
  ttl: number;
  /** Whether relays are among them. */
  relays: boolean;
}

export interface TurnParts {
  vault: Vault;
  registry: ProjectRegistry;
  cloudflare: CloudflareTurn;
}

/**
 * The ICE servers of projects. What keeps relays away costs a caller nothing else: it gets STUN only. `onAnswered` is told
 * no project where that was removed meanwhile.
 */
export class TurnCredentials {
  readonly #parts: TurnParts;
  readonly #keys: KeyEntries;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onAnswered: (projectId: string | undefined, outcome: TurnOutcome) => void;
  /** Why each project that gets no relays gets none, by its name, so that a change is told once. */
  readonly #failing = new Map<string, string>();

  constructor(
    parts: TurnParts,
    clock: Clock,
    logger: Logger,
    onAnswered: (projectId: string | undefined, outcome: TurnOutcome) => void,
  ) {
    this.#parts = parts;
    this.#keys = new KeyEntries(parts.registry);
    this.#clock = clock;
    this.#logger = logger;
    this.#onAnswered = onAnswered;
  }

  stunOnly({ turn }: Project): IceAnswer {
    const iceServers = turn !== undefined && 'urls' in turn ? [splitUrls(turn.urls).stun] : STUN_ONLY;
    return { iceServers, ttl: STUN_TTL_S, relays: false };
  }

  /** `userId` is what a relay may know of the user: no name and no project id. Waits for Cloudflare alone, 2.5 s at most. */
  async relays(project: Project, userId: string): Promise<IceAnswer> {
    const { turn } = project;
    if (turn === undefined) return this.stunOnly(project);
    const secret = this.#secretOf(turn);
    if (secret === undefined) {
      const { name, key } = turn.secretRef;
      return this.#without(project, 'secret_missing', `the vault has no TURN secret ${name}/${key}`);
    }
    try {
      const answer = await this.#ask(project.name, turn, secret, userId);
      this.#told(project, 'relays', undefined);
      return { ...answer, relays: true };
    } catch (error) {
      if (!(error instanceof RelaysUnavailable)) this.#logger.error({ err: error }, 'relays failed');
      const why = error instanceof RelaysUnavailable ? error.message : 'this service failed';
      return this.#without(project, 'provider_failed', why);
    }
  }

  /** What a project's manifest names as a TURN secret, another's may name as its key: that is never told. */
  #secretOf({ secretRef }: TurnSettings): TurnSecret | undefined {
    return this.#keys.has(secretRef) ? undefined : this.#parts.vault.findTurnSecret(secretRef);
  }

  async #ask(
    project: string,
    turn: TurnSettings,
    secret: TurnSecret,
    userId: string,
  ): Promise<Omit<IceAnswer, 'relays'>> {
    const { ttlSeconds: ttl } = turn;
    switch (turn.type) {
      case 'coturn': {
        const username = `${Math.floor(this.#clock.now() / 1000) + ttl}:${userId}`;
        const credential = signedCredential(secret, username);
        return { iceServers: withAccount(turn.urls, username, credential), ttl };
      }
      case 'cloudflare':
        return this.#parts.cloudflare.relays({ project, keyId: turn.keyId, ttlSeconds: ttl, secret });
      case 'static':
        return { iceServers: withAccount(turn.urls, turn.username, sharedCredential(secret)), ttl };
    }
  }

  #without(project: Project, outcome: TurnOutcome, why: string): IceAnswer {
    this.#told(project, outcome, why);
    return this.stunOnly(project);
  }

  #told({ projectId, name }: Project, outcome: TurnOutcome, why: string | undefined): void {
    const configured = this.#parts.registry.snapshot.projectsById.has(projectId);
    this.#onAnswered(configured ? projectId : undefined, outcome);
    if (this.#failing.get(name) === why) return;
    if (why === undefined) {
      this.#failing.delete(name);
      this.#logger.info({ project: name }, 'the project gets relays again');
      return;
    }
    if (this.#failing.size >= MAX_REMEMBERED_FAILURES) this.#failing.clear();
    this.#failing.set(name, why);
    this.#logger.warn({ project: name, problem: why }, 'the project gets no relays: STUN only');
  }
}

function withAccount(urls: readonly string[], username: string, credential: string): IceServer[] {
  const { stun, turn } = splitUrls(urls);
  return [stun, { urls: turn, username, credential }];
}
