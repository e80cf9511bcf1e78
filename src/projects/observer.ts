import type { Settings } from '../config/load-settings.ts';
import type { ManifestProblem } from '../manifests/manifest.ts';
import type { KeyRejections } from '../vault/key-rejections.ts';
import type { MissingKeys } from '../vault/missing-keys.ts';
import type { KeyRef } from '../vault/project-key.ts';
import type { Vault } from '../vault/vault.ts';
import { KeyEntries } from './key-entries.ts';
import { type ObservedClient, type ObservedProject, planProject } from './plan.ts';
import type { ProjectRegistry } from './project-registry.ts';
import type { Client, Project } from './resource.ts';
import { keyOfClient } from './snapshot.ts';

/** Gathers from memory what a plan needs to know of a Project or Client, by its resource's name. */
export class Observer {
  readonly #registry: ProjectRegistry;
  readonly #vault: Vault;
  readonly #keys: KeyEntries;
  readonly #rejections: KeyRejections;
  readonly #missing: MissingKeys;
  readonly #settings: Pick<Settings, 'jwtIssuers' | 'vault'>;

  constructor(
    registry: ProjectRegistry,
    vault: Vault,
    keys: { rejections: KeyRejections; missing: MissingKeys },
    settings: Pick<Settings, 'jwtIssuers' | 'vault'>,
  ) {
    this.#registry = registry;
    this.#vault = vault;
    this.#keys = new KeyEntries(registry);
    this.#rejections = keys.rejections;
    this.#missing = keys.missing;
    this.#settings = settings;
  }

  /** Asks the database for what other replicas met, unless that was `freshMs` ago or less; whether it answered. */
  refresh(freshMs?: number): Promise<boolean> {
    return this.#rejections.refresh(freshMs);
  }

  /** Whether a project has no key, or no TURN secret, and nobody has looked for the reason lately. */
  lacksExplanation(name: string): boolean {
    const project = this.#projectOf(name);
    const refs = project === undefined ? [] : refsOf(project);
    return refs.some((ref) => this.#vault.find(ref) === undefined && this.#missing.isStale(ref));
  }

  /** Looks for why a project has no key, or no TURN secret, if it has none and that is due. */
  async explain(name: string): Promise<void> {
    const project = this.#projectOf(name);
    for (const ref of project === undefined ? [] : refsOf(project)) {
      if (this.#vault.find(ref) === undefined) await this.#missing.explain(ref);
      else this.#missing.forget(ref);
    }
  }

  /** Forgets the reasons of projects that are gone. */
  forgetRemoved(): void {
    const { projectsById, duplicates } = this.#registry.snapshot;
    this.#missing.retain([...projectsById.values(), ...duplicates].flatMap(refsOf));
  }

  onVerdict(listener: () => void): void {
    this.#rejections.onChange(listener);
  }

  /** What is wrong with any resource or key. */
  problems(): ManifestProblem[] {
    return [...this.#registry.snapshot.problems, ...this.#vault.problems()];
  }

  project(name: string): ObservedProject {
    const { snapshot } = this.#registry;
    const project = this.#projectOf(name);
    const duplicate = project !== undefined && snapshot.projectsByName.get(name) === undefined;
    const key = project && this.#vault.find(project.keyRef);
    return {
      project,
      problems: snapshot.invalid.get(`Project/${name}`) ?? [],
      owner: duplicate ? snapshot.projectsById.get(project.projectId) : undefined,
      key,
      keyProblem: project && this.#vault.problemOf(project.keyRef),
      missing: project && this.#missing.known(project.keyRef),
      rejected: key !== undefined && this.#rejections.isRejected(key.fingerprint),
      turnProblem: project && this.#turnProblem(project),
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

  #turnProblem({ turn }: Project): string | undefined {
    if (turn === undefined) return undefined;
    const { secretRef } = turn;
    if (this.#keys.has(secretRef)) {
      return `the entry ${secretRef.key} of the Secret ${secretRef.name} is a provider key`;
    }
    if (this.#vault.findTurnSecret(secretRef) !== undefined) return undefined;
    const malformed = this.#vault.problemOf(secretRef);
    if (malformed !== undefined) return `${malformed.source} ${malformed.field} ${malformed.message}`;
    return this.#missing.known(secretRef)?.message ?? 'the vault has no TURN secret for it';
  }

  /** The version that serves, or would if its id were its own. */
  #projectOf(name: string): Project | undefined {
    const { projectsByName, duplicates } = this.#registry.snapshot;
    return projectsByName.get(name) ?? duplicates.find((project) => project.name === name);
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

/** All entries of Secrets that a project needs. */
function refsOf({ keyRef, turn }: Project): KeyRef[] {
  return turn === undefined ? [keyRef] : [keyRef, turn.secretRef];
}
