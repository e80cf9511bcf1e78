/** One resource as somebody wrote it, not yet checked against its kind's schema. */
export interface Manifest {
  kind: ManifestKind;
  name: string;
  document: Record<string, unknown>;
  /** Where it was read: a file's name and, with several documents in it, which one; in a cluster, kind and name. */
  source: string;
  /** Milliseconds since the epoch: `metadata.creationTimestamp`, else the file's birth. */
  createdAt: number;
  /** Milliseconds since the epoch: when it was last written. */
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

export interface ManifestId {
  kind: ManifestKind;
  name: string;
}

/** One change to a document: a value set, or removed when `value` is undefined. */
export interface FieldEdit {
  path: string[];
  value: unknown;
}
