import type { Clock } from '../common/clock.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Vault } from '../vault/vault.ts';
import type { Metrics } from './metrics.ts';

/** Brings each project's cap and the age of its key, and how far this process may be behind vault and configuration. */
export class ProjectGauges {
  readonly #vault: Vault;
  readonly #registry: ProjectRegistry;
  readonly #metrics: Metrics;
  readonly #clock: Clock;

  constructor(vault: Vault, registry: ProjectRegistry, metrics: Metrics, clock: Clock) {
    this.#vault = vault;
    this.#registry = registry;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  refresh(): void {
    const now = this.#clock.now();
    const caps = new Map<string, number>();
    const keyAges = new Map<string, number>();
    for (const { projectId, keyRef, spec } of this.#registry.snapshot.projectsById.values()) {
      caps.set(projectId, spec.session.maxConcurrent);
      const key = this.#vault.find(keyRef);
      // A file can be of a clock that is ahead.
      if (key !== undefined) keyAges.set(projectId, Math.max(now - key.changedAt, 0) / 1000);
    }
    const currentAt = Math.min(this.#vault.currentAt(), this.#registry.currentAt());
    const syncLagSeconds = (this.#clock.monotonic() - currentAt) / 1000;
    this.#metrics.setProjects({ caps, keyAges, syncLagSeconds });
  }
}
