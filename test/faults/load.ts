import { setTimeout as delay } from 'node:timers/promises';
import type { Asking, Client, Granted, Target } from './client.ts';
import { type RigProject, someProject } from './projects.ts';
import type { Random } from './random.ts';

export interface LoadOptions {
  client: Client;
  projects: RigProject[];
  targets: Target[];
  tokens: ReadonlyMap<string, string>;
  clients: number;
  random: Random;
  /** In every tag, which must be new in its database. */
  tagPrefix: string;
}

const PAUSE_MS = [5, 500] as const;
/** After no answer: a service that is gone must not be asked in a tight loop. */
const DISCOURAGED_MS = [100, 600] as const;
const HOLD_MS = [0, 900] as const;
/** A client that waited so long goes away: some before a provider's or a database's own deadline, some after. */
const PATIENCE_MS = [1_000, 8_000] as const;
/** Of what a client does with the session that it got. */
const ABANDONS = 0.02;
const END_ATTEMPTS = 4;
const END_RETRY_MS = 300;

/** Clients that open sessions, keep them a moment and give them back, each by chances of its own. */
export class Load {
  readonly #options: LoadOptions;
  readonly #walks: Promise<void>[];
  readonly #hangUps = new Set<Promise<void>>();
  #stopped = false;
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#walks = Array.from({ length: options.clients }, (_, index) =>
      this.#walk(options.random.fork(`client-${index}`)),
    );
  }

  /** Once every client has given back what it had. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#walks, ...this.#hangUps]);
  }

  /** Of this asking alone, and of this project. */
  #newTag({ id }: RigProject): string {
    return `${id}-${this.#options.tagPrefix}-${(this.#next += 1)}`;
  }

  /** A client that asks and goes away. */
  hangUp(target: Target, random: Random, afterMs: number): void {
    const one = this.#askAndGo(target, random, afterMs).finally(() => this.#hangUps.delete(one));
    this.#hangUps.add(one);
  }

  async #askAndGo(target: Target, random: Random, afterMs: number): Promise<void> {
    const { granted } = await this.#options.client.open(target, {
      ...this.#asking(random),
      patienceMs: afterMs,
    });
    if (granted !== undefined) await this.#giveBack(granted, random);
  }

  async #walk(random: Random): Promise<void> {
    const { client, targets } = this.#options;
    while (!this.#stopped) {
      await delay(random.integer(...PAUSE_MS));
      const asking = this.#asking(random);
      const first = await client.open(random.pick(targets), asking);
      let { granted } = first;
      // The same again, as after an answer that was lost.
      if (asking.idempotencyKey !== undefined) {
        granted = (await client.open(random.pick(targets), asking)).granted ?? granted;
      }
      if (granted !== undefined) await this.#use(granted, random);
      else if (first.opening.status === 0) await delay(random.integer(...DISCOURAGED_MS));
    }
  }

  #asking(random: Random): Asking {
    const { projects, tokens } = this.#options;
    const project = someProject(random, projects);
    const tag = this.#newTag(project);
    const token = project.client !== undefined && random.chance(0.6) ? tokens.get(project.client) : undefined;
    return {
      project,
      tag,
      token,
      route: random.chance(0.15) ? '/v1/realtime/client_secrets' : '/session',
      patienceMs: random.integer(...PATIENCE_MS),
      idempotencyKey: random.chance(0.12) ? `again-${tag}` : undefined,
    };
  }

  async #use(granted: Granted, random: Random): Promise<void> {
    const { client, targets } = this.#options;
    await delay(random.integer(...HOLD_MS));
    if (random.chance(0.15)) await client.heartbeat(random.pick(targets), granted);
    if (random.chance(0.05)) await client.read(random.pick(targets), granted);
    if (!random.chance(ABANDONS)) await this.#giveBack(granted, random);
  }

  async #giveBack(granted: Granted, random: Random): Promise<void> {
    const { client, targets } = this.#options;
    const how = random.pick(['delete', 'delete', 'delete', 'release', 'release', 'terminate'] as const);
    for (let attempt = 0; attempt < END_ATTEMPTS; attempt += 1) {
      if (await client.end(random.pick(targets), granted, how)) return;
      await delay(END_RETRY_MS);
    }
  }
}
