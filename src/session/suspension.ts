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
    const subjects = subjectsOf(now);
    for (const [key, { suspended, ...subject }] of subjects) {
      if (suspended) this.#note(key, { ...subject, reason: 'suspended' });
      else this.#endings.delete(key);
    }
    for (const [key, { projectId, client }] of before === undefined ? [] : subjectsOf(before)) {
      if (!subjects.has(key)) this.#note(key, { projectId, client, reason: 'removed' });
    }
  }

  #note(key: string, ending: Omit<Ending, 'until'>): void {
    this.#endings.set(key, { ...ending, until: this.#clock.monotonic() + WATCH_MS });
  }

  async #sweep(): Promise<void> {
    if (this.#busy || this.#endings.size === 0 || !this.#installation.loaded) return;
    this.#busy = true;
    try {
      for (const [key, ending] of this.#endings) {
        const more = await this.#end(ending);
        if (!more && ending.until < this.#clock.monotonic()) this.#endings.delete(key);
      }
    } catch (error) {
      this.#logger.debug({ err: error }, 'ending sessions waits for the database');
    } finally {
      this.#busy = false;
    }
  }

  /** Whether there may be more of them. */
  async #end({ projectId, client, reason }: Ending): Promise<boolean> {
    const hash = this.#installation.projectHash(projectId);
    const ids = await this.#queries.liveOf(hash, client, BATCH);
    await Promise.all(ids.map((id) => this.#leases.terminate(id, SYSTEM_ORIGIN, reason)));
    return ids.length === BATCH;
  }
}

interface Subject {
  projectId: string;
  /** Absent for the project itself. */
  client: string | undefined;
  suspended: boolean;
}

/** Every project and every client of one, by a key that outlives snapshots. */
function subjectsOf({ projectsById, projectsByName, clients }: Snapshot): Map<string, Subject> {
  const subjects: Subject[] = [];
  for (const { projectId, spec } of projectsById.values()) {
    subjects.push({ projectId, client: undefined, suspended: spec.suspended });
  }
  for (const { name, projectName, spec } of clients) {
    const projectId = projectsByName.get(projectName)?.projectId;
    if (projectId !== undefined) subjects.push({ projectId, client: name, suspended: spec.suspended });
  }
  return new Map(
    subjects.map((subject) => [JSON.stringify([subject.projectId, subject.client ?? null]), subject]),
  );
}
