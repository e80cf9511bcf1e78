/** One document of a manifest file, not yet checked against its kind's schema. */
export interface Manifest {
  kind: ManifestKind;
  name: string;
  document: Record<string, unknown>;
  /** Where it was read: the file's name and, with several documents in it, which one. */
  source: string;
  /** Milliseconds since the epoch: `metadata.creationTimestamp`, else the file's birth. */
  createdAt: number;
  /** Milliseconds since the epoch: when its file was last written. */
  modifiedAt: number;
}

/** Milliseconds since the epoch. */
export interface FileTimes {
  bornAt: number;
  modifiedAt: number;
}

/** What is wrong with a manifest: where, which field (JSON Pointer) and why; never a value from it. */
export interface ManifestProblem {
  source: string;
  field: string;
  message: string;
}

export const API_VERSIONS = {
  Project: 'vestibule.dev/v1alpha1',
  Client: 'vestibule.dev/v1alpha1',
  Secret: 'v1',
} as const;

export type ManifestKind = keyof typeof API_VERSIONS;

export function isManifestKind(kind: unknown): kind is ManifestKind {
  return typeof kind === 'string' && Object.hasOwn(API_VERSIONS, kind);
}

export const MANIFEST_FILE = /^[^.].*\.(ya?ml|json)$/;
export const MAX_FILE_BYTES = 1024 * 1024;
