import type { Clock } from '../common/clock.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Vault } from '../vault/vault.ts';
import type { Metrics } from './metrics.ts';

/** Brings the age of each project's key, and how far this process may be behind the vault and its configuration. */
export class VaultGauge {
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
    const ages = new Map<string, number>();
    for (const { projectId, keyRef } of this.#registry.snapshot.projectsById.values()) {
      const key = this.#vault.find(keyRef);
      // A file can be of a clock that is ahead.
      if (key !== undefined) ages.set(projectId, Math.max(now - key.changedAt, 0) / 1000);
    }
    const currentAt = Math.min(this.#vault.currentAt(), this.#registry.currentAt());
    this.#metrics.setVault(ages, (this.#clock.monotonic() - currentAt) / 1000);
  }
}
