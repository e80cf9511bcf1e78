import type { Clock } from '../common/clock.ts';
import type { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { SessionQueries } from '../session/session-queries.ts';
import type { Metrics } from './metrics.ts';

/** However often somebody asks, the database is asked once in this time. */
const FRESH_MS = 1_000;

interface Projects {
  registry: ProjectRegistry;
  pseudonyms: ProjectPseudonyms;
}

/** Brings `sessions_active` from the database, so that it is the same on every replica, and whether it answered. */
export class SessionGauge {
  readonly #queries: SessionQueries;
  readonly #projects: Projects;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(queries: SessionQueries, projects: Projects, metrics: Metrics, clock: Clock) {
    this.#queries = queries;
    this.#projects = projects;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** Resolves also while the database is away: the figures are then the last ones known. */
  async refresh(): Promise<void> {
    if (this.#clock.monotonic() - this.#askedAt < FRESH_MS) return this.#asking;
    this.#asking ??= this.#ask()
      .catch(() => {
        this.#metrics.setActive(undefined);
      })
      .finally(() => {
        this.#askedAt = this.#clock.monotonic();
        this.#asking = undefined;
      });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const active = await this.#queries.activeByProject();
    const { registry, pseudonyms } = this.#projects;
    const byProject = new Map([...registry.snapshot.projectsById.keys()].map((projectId) => [projectId, 0]));
    for (const [hash, count] of active) {
      const project = pseudonyms.projectOf(hash)?.projectId ?? '';
      byProject.set(project, (byProject.get(project) ?? 0) + count);
    }
    this.#metrics.setActive(byProject);
  }
}
