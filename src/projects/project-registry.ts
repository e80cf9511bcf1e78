import type { Logger } from 'pino';
import type { ManifestDirectory } from '../directory/manifest-directory.ts';
import { ProblemReport } from '../directory/problem-report.ts';
import { unavailable } from '../common/app-error.ts';
import { isRecord } from '../common/json.ts';
import { buildSnapshot, EMPTY_SNAPSHOT, type Snapshot } from './snapshot.ts';

export interface ProjectRegistryOptions {
  baseUrlAllowed: (url: string) => boolean;
  /** The base URL of a project that a deposit creates. */
  baseUrlOfNewProjects: string;
}

/** Owns the configuration: the current snapshot, swapped atomically as manifests change. */
export class ProjectRegistry {
  readonly #directory: ManifestDirectory;
  readonly #options: ProjectRegistryOptions;
  readonly #report: ProblemReport;
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  #listeners: ((now: Snapshot, before: Snapshot) => void)[] = [];

  constructor(directory: ManifestDirectory, options: ProjectRegistryOptions, logger: Logger) {
    this.#directory = directory;
    this.#options = options;
    this.#report = new ProblemReport(logger);
  }

  start(): void {
    this.#directory.onChange(() => {
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

  get baseUrlOfNewProjects(): string {
    return this.#options.baseUrlOfNewProjects;
  }

  onChange(listener: (now: Snapshot, before: Snapshot) => void): void {
    this.#listeners.push(listener);
  }

  /** Writes a project with the defaults for an id that no resource configures. */
  async create(projectId: string): Promise<void> {
    const spec = { projectId, provider: { type: 'openai', baseUrl: this.baseUrlOfNewProjects } };
    await this.#write(this.#freeName(projectId), [], { spec });
  }

  /** Whether a manifest claims the id, be it valid or not. */
  isClaimed(projectId: string): boolean {
    return this.#directory.list('Project').some(({ name, document }) => {
      const { spec } = document;
      return (isRecord(spec) ? (spec['projectId'] ?? name) : name) === projectId;
    });
  }

  async setSuspended(name: string, suspended: boolean): Promise<void> {
    await this.#write(name, [{ path: ['spec', 'suspended'], value: suspended }], {});
  }

  async #write(
    name: string,
    edits: { path: string[]; value: unknown }[],
    whenNew: Record<string, unknown>,
  ): Promise<void> {
    try {
      await this.#directory.apply({ kind: 'Project', name }, edits, whenNew);
    } catch (error) {
      throw unavailable('The project’s configuration could not be written.', error);
    }
  }

  #freeName(projectId: string): string {
    const base = projectId
      .toLowerCase()
      .replace(/[^a-z0-9.-]/g, '-')
      .replace(/[^a-z0-9]+$/, '');
    const taken = new Set(this.#directory.list('Project').map(({ name }) => name));
    const keys = new Set([
      ...[...this.#snapshot.projectsById.values()].map(({ keyRef }) => keyRef.name),
      ...this.#directory.list('Secret').map((secret) => secret.name),
    ]);
    let name = base;
    // nor may its key be put where another is
    for (let number = 2; taken.has(name) || keys.has(`${name}-key`); number += 1) name = `${base}-${number}`;
    return name;
  }

  #load(): void {
    const before = this.#snapshot;
    this.#snapshot = buildSnapshot(
      {
        projects: this.#directory.list('Project'),
        clients: this.#directory.list('Client'),
        problems: this.#directory.problems(),
      },
      before,
      this.#options.baseUrlAllowed,
    );
    this.#report.update(this.#snapshot.problems);
    for (const listener of this.#listeners) listener(this.#snapshot, before);
  }
}
