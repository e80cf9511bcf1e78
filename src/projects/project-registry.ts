import type { Logger } from 'pino';
import type { FieldEdit } from '../manifests/manifest.ts';
import type { ManifestSource } from '../manifests/manifest-source.ts';
import { ProblemReport } from '../manifests/problem-report.ts';
import { unavailable } from '../common/app-error.ts';
import { isRecord } from '../common/json.ts';
import { keySecretName } from './resource.ts';
import {
  buildSnapshot,
  EMPTY_SNAPSHOT,
  rememberingReaders,
  type Readers,
  type Snapshot,
} from './snapshot.ts';

export interface ProjectRegistryOptions {
  baseUrlAllowed: (url: string) => boolean;
  /** The base URL of a project that a deposit creates. */
  baseUrlOfNewProjects: string;
}

/** Owns the configuration: the current snapshot, swapped atomically as manifests change. */
export class ProjectRegistry {
  readonly #source: ManifestSource;
  readonly #options: ProjectRegistryOptions;
  readonly #readers: Readers;
  readonly #report: ProblemReport;
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  #listeners: ((now: Snapshot, before: Snapshot) => void)[] = [];

  constructor(source: ManifestSource, options: ProjectRegistryOptions, logger: Logger) {
    this.#source = source;
    this.#options = options;
    this.#readers = rememberingReaders(options.baseUrlAllowed);
    this.#report = new ProblemReport(logger);
  }

  start(): void {
    this.#source.onChange(() => {
      this.#load();
    });
    this.#load();
  }

  stop(): void {
    this.#listeners = [];
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** By the monotonic clock, in ms: the snapshot is of what the source held then, or later. */
  currentAt(): number {
    return this.#source.currentAt();
  }

  get baseUrlOfNewProjects(): string {
    return this.#options.baseUrlOfNewProjects;
  }

  onChange(listener: (now: Snapshot, before: Snapshot) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Writes a project with the defaults for an id that no resource configures; leaves it at that when another is seen to do
   * so meanwhile. `isStored` tells where the vault already has something, where the new project's key must not go.
   */
  async create(projectId: string, isStored: (secretName: string) => Promise<boolean>): Promise<void> {
    const spec = { projectId, provider: { type: 'openai', baseUrl: this.baseUrlOfNewProjects } };
    const name = await this.#freeName(projectId, isStored);
    if (this.isClaimed(projectId)) return;
    await this.#written(this.#source.create({ kind: 'Project', name }, { spec }));
  }

  /** Whether a manifest claims the id, be it valid or not. */
  isClaimed(projectId: string): boolean {
    return this.#source.list('Project').some(({ name, document }) => {
      const { spec } = document;
      return (isRecord(spec) ? (spec['projectId'] ?? name) : name) === projectId;
    });
  }

  async setSuspended(name: string, suspended: boolean): Promise<void> {
    const edit: FieldEdit = { path: ['spec', 'suspended'], value: suspended };
    await this.#written(this.#source.edit({ kind: 'Project', name }, [edit]));
  }

  async #written(write: Promise<void>): Promise<void> {
    try {
      await write;
    } catch (error) {
      throw unavailable('The project’s configuration could not be written.', error);
    }
  }

  async #freeName(projectId: string, isStored: (secretName: string) => Promise<boolean>): Promise<string> {
    const base = projectId
      .toLowerCase()
      .replace(/[^a-z0-9.-]/g, '-')
      .replace(/[^a-z0-9]*\.[^a-z0-9]*/g, '.')
      .replace(/[^a-z0-9]+$/, '');
    let name = base;
    for (let number = 2; !this.isClaimed(projectId) && !(await this.#isFree(name, isStored)); number += 1) {
      name = `${base}-${number}`;
    }
    return name;
  }

  /** Nor may its key be put where another is. */
  async #isFree(name: string, isStored: (secretName: string) => Promise<boolean>): Promise<boolean> {
    const secretName = keySecretName(name);
    const { projectsById } = this.#snapshot;
    if (this.#source.list('Project').some((manifest) => manifest.name === name)) return false;
    if ([...projectsById.values()].some(({ keyRef }) => keyRef.name === secretName)) return false;
    return !(await isStored(secretName));
  }

  #load(): void {
    const before = this.#snapshot;
    this.#snapshot = buildSnapshot(
      {
        projects: this.#source.list('Project'),
        clients: this.#source.list('Client'),
        problems: this.#source.problems(),
      },
      before,
      this.#readers,
    );
    this.#report.update(this.#snapshot.problems);
    for (const listener of this.#listeners) listener(this.#snapshot, before);
  }
}
