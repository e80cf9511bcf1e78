import type { ProjectRegistry } from './project-registry.ts';
import type { Snapshot } from './snapshot.ts';
import type { KeyRef } from '../vault/project-key.ts';

/** Which entries of Secrets are provider keys, by what is configured. */
export class KeyEntries {
  readonly #registry: ProjectRegistry;
  #of: Snapshot | undefined;
  #entries = new Set<string>();

  constructor(registry: ProjectRegistry) {
    this.#registry = registry;
  }

  has(ref: KeyRef): boolean {
    const { snapshot } = this.#registry;
    if (this.#of !== snapshot) {
      const projects = [...snapshot.projectsById.values(), ...snapshot.duplicates];
      this.#entries = new Set(projects.map(({ keyRef }) => idOf(keyRef)));
      this.#of = snapshot;
    }
    return this.#entries.has(idOf(ref));
  }
}

function idOf({ name, key }: KeyRef): string {
  return `${name}/${key}`;
}
