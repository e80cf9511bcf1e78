import type { FieldEdit, Manifest, ManifestId, ManifestProblem } from './manifest.ts';

/** The kinds that configure the service. */
export type ConfigurationKind = 'Project' | 'Client';

/** Where the configuration is written: a directory, or a cluster. It is kept in memory, so that reading is synchronous. */
export abstract class ManifestSource {
  /** Begins to read and to watch; rejects when that can never work. */
  abstract start(): Promise<void>;
  /** Resolves once everything was read once. */
  abstract readonly loaded: Promise<void>;
  abstract stop(): void;
  /** Those of a kind, oldest first. The same object for as long as a manifest stays as it is. */
  abstract list(kind: ConfigurationKind): Manifest[];
  /** What could not be read as a manifest at all. */
  abstract problems(): ManifestProblem[];
  /** By the monotonic clock, in ms: what is held is what the source held then, or later. */
  abstract currentAt(): number;
  /** Calls back after each change of what `list` and `problems` return. */
  abstract onChange(listener: () => void): void;
  /** Writes a new manifest, or leaves the one of this name as it is; resolves once it is read back. */
  abstract create(
    id: ManifestId & { kind: ConfigurationKind },
    content: Record<string, unknown>,
  ): Promise<void>;
  /** Edits fields of a manifest; resolves once that is read back, rejects when there is none. */
  abstract edit(id: ManifestId & { kind: ConfigurationKind }, edits: FieldEdit[]): Promise<void>;
}
