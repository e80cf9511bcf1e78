import type { Logger } from 'pino';
import { SYSTEM_ORIGIN } from '../audit/audit-event.ts';
import type { Clock } from '../common/clock.ts';
import type { Installation } from '../database/installation.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Snapshot } from '../projects/snapshot.ts';
import type { LeaseService } from './lease.service.ts';
import type { SessionQueries } from './session-queries.ts';

const BATCH = 500;
const TICK_MS = 500;
/** Longer than any opening may take: what was on its way when a project went is ended, too. */
const WATCH_MS = 60_000;

interface Ending {
  projectId: string;
  client: string | undefined;
  reason: 'suspended' | 'removed';
  until: number;
}

/** Ends the live sessions of projects and clients that were suspended or removed. */
export class Suspension {
  readonly #registry: ProjectRegistry;
  readonly #queries: SessionQueries;
  readonly #leases: LeaseService;
  readonly #installation: Installation;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #endings = new Map<string, Ending>();
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  constructor(
    sessions: { registry: ProjectRegistry; queries: SessionQueries; leases: LeaseService },
    installation: Installation,
    clock: Clock,
    logger: Logger,
  ) {
    this.#registry = sessions.registry;
    this.#queries = sessions.queries;
    this.#leases = sessions.leases;
    this.#installation = installation;
    this.#clock = clock;
    this.#logger = logger;
  }

  start(): void {
    this.#registry.onChange((now, before) => {
      this.#compare(now, before);
      void this.#sweep();
    });
    this.#compare(this.#registry.snapshot, undefined);
    this.#timer = setInterval(() => {
      void this.#sweep();
    }, TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #compare(now: Snapshot, before: Snapshot | undefined): void {
    for (const [projectId, project] of now.projectsById) {
      if (project.spec.suspended) this.#note(projectId, undefined, 'suspended');
      else this.#endings.delete(endingKey(projectId, undefined));
    }
    for (const projectId of before?.projectsById.keys() ?? []) {
      if (!now.projectsById.has(projectId)) this.#note(projectId, undefined, 'removed');
    }
    for (const client of now.clients) {
      const projectId = now.projectsByName.get(client.projectName)?.projectId;
      if (projectId === undefined) continue;
      if (client.spec.suspended) this.#note(projectId, client.name, 'suspended');
      else this.#endings.delete(endingKey(projectId, client.name));
    }
    for (const client of before?.clients ?? []) {
      const projectId = before?.projectsByName.get(client.projectName)?.projectId;
      const stays = now.clients.some(({ name }) => name === client.name);
      if (projectId !== undefined && !stays) this.#note(projectId, client.name, 'removed');
    }
  }

  #note(projectId: string, client: string | undefined, reason: Ending['reason']): void {
    const until = this.#clock.monotonic() + WATCH_MS;
    this.#endings.set(endingKey(projectId, client), { projectId, client, reason, until });
  }

  async #sweep(): Promise<void> {
    if (this.#busy || this.#endings.size === 0 || !this.#installation.loaded) return;
    this.#busy = true;
    try {
      for (const [key, ending] of this.#endings) {
        await this.#end(ending);
        if (ending.until < this.#clock.monotonic()) this.#endings.delete(key);
      }
    } catch (error) {
      this.#logger.debug({ err: error }, 'ending sessions waits for the database');
    } finally {
      this.#busy = false;
    }
  }

  async #end({ projectId, client, reason }: Ending): Promise<void> {
    const hash = this.#installation.projectHash(projectId);
    const ids = await this.#queries.liveOf(hash, client, BATCH);
    await Promise.all(ids.map((id) => this.#leases.terminate(id, SYSTEM_ORIGIN, reason)));
  }
}

function endingKey(projectId: string, client: string | undefined): string {
  return JSON.stringify([projectId, client ?? null]);
}
