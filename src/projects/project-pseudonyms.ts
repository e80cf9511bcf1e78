import type { Installation } from '../database/installation.ts';
import type { ProjectRegistry } from './project-registry.ts';
import type { Project } from './resource.ts';
import type { Snapshot } from './snapshot.ts';

/** Finds the configured project behind a pseudonym of the database. */
export class ProjectPseudonyms {
  readonly #registry: ProjectRegistry;
  readonly #installation: Installation;
  #of: Snapshot | undefined;
  #projects = new Map<string, Project>();

  constructor(registry: ProjectRegistry, installation: Installation) {
    this.#registry = registry;
    this.#installation = installation;
  }

  projectOf(projectHash: string): Project | undefined {
    const { snapshot } = this.#registry;
    if (this.#of !== snapshot && this.#installation.loaded) {
      const projects = [...snapshot.projectsById.values()];
      this.#projects = new Map(
        projects.map((project) => [this.#installation.projectHash(project.projectId), project]),
      );
      this.#of = snapshot;
    }
    return this.#projects.get(projectHash);
  }
}
