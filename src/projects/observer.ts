import type { Settings } from '../config/load-settings.ts';
import type { ManifestProblem } from '../manifests/manifest.ts';
import type { KeyRejections } from '../vault/key-rejections.ts';
import type { MissingKey, Vault } from '../vault/vault.ts';
import { type ObservedClient, type ObservedProject, planProject } from './plan.ts';
import type { ProjectRegistry } from './project-registry.ts';
import type { Client, Project } from './resource.ts';
import { keyOfClient } from './snapshot.ts';

/** Gathers from memory what a plan needs to know of a Project or Client, by its resource's name. */
export class Observer {
  readonly #registry: ProjectRegistry;
  readonly #vault: Vault;
  readonly #rejections: KeyRejections;
  readonly #settings: Pick<Settings, 'jwtIssuers' | 'vault'>;

  constructor(
    registry: ProjectRegistry,
    vault: Vault,
    rejections: KeyRejections,
    settings: Pick<Settings, 'jwtIssuers' | 'vault'>,
  ) {
    this.#registry = registry;
    this.#vault = vault;
    this.#rejections = rejections;
    this.#settings = settings;
  }

  /** Asks the database for what other replicas met. */
  refresh(): Promise<void> {
    return this.#rejections.refresh();
  }

  /** Whether the database was asked once what providers said of keys. */
  get verdictsKnown(): boolean {
    return this.#rejections.known;
  }

  onVerdict(listener: () => void): void {
    this.#rejections.onChange(listener);
  }

  /** What is wrong with any resource or key. */
  problems(): ManifestProblem[] {
    return [...this.#registry.snapshot.problems, ...this.#vault.problems()];
  }

  /** `missing` is what somebody found who looked for the key. */
  project(name: string, missing?: MissingKey): ObservedProject {
    const { snapshot } = this.#registry;
    const serving = snapshot.projectsByName.get(name);
    const duplicate = snapshot.duplicates.find((project) => project.name === name);
    const project = serving ?? duplicate;
    const key = project && this.#vault.find(project.keyRef);
    return {
      project,
      problems: snapshot.invalid.get(`Project/${name}`) ?? [],
      owner: duplicate && snapshot.projectsById.get(duplicate.projectId),
      key,
      keyProblem: project && this.#vault.problemOf(project.keyRef),
      missing,
      rejected: key !== undefined && this.#rejections.isRejected(key.fingerprint),
    };
  }

  client(name: string): ObservedClient {
    const { snapshot } = this.#registry;
    const client = snapshot.clientsByName.get(name);
    const owner = client && snapshot.clientsByToken.get(keyOfClient(client));
    const project = client && snapshot.projectsByName.get(client.projectName);
    return {
      client,
      problems: snapshot.invalid.get(`Client/${name}`) ?? [],
      owner: owner === client ? undefined : owner,
      verifiable: client === undefined ? 'yes' : this.#verifiable(client),
      project,
      projectObstacle: project && this.#obstacleOf(project),
    };
  }

  #verifiable({ issuer, spec }: Client): ObservedClient['verifiable'] {
    if (spec.serviceAccount !== undefined) {
      return this.#settings.vault === 'kubernetes' ? 'yes' : 'ServiceAccountsNotServed';
    }
    const known = issuer === undefined || this.#settings.jwtIssuers.some((one) => one.issuer === issuer);
    return known ? 'yes' : 'IssuerNotConfigured';
  }

  #obstacleOf({ name }: Project): ObservedClient['projectObstacle'] {
    const [ready] = planProject(this.project(name));
    return ready.status === 'True' ? undefined : ready.reason;
  }
}
