import { isRecord } from '../common/json.ts';
import { memo } from '../common/memo.ts';
import type { Checked } from '../common/schema.ts';
import type { Manifest, ManifestProblem } from '../manifests/manifest.ts';
import { type Client, type Project, readClient, readProject } from './resource.ts';

const MAX_KEPT_KEYS = 10_000;

/** All projects and clients at one moment, indexed; immutable, so that one request sees one configuration. */
export interface Snapshot {
  /** Those that serve, by projectId. */
  projectsById: ReadonlyMap<string, Project>;
  projectsByName: ReadonlyMap<string, Project>;
  clients: readonly Client[];
  clientsByName: ReadonlyMap<string, Client>;
  /** By `keyOfClient`. */
  clientsByToken: ReadonlyMap<string, Client>;
  /** Projects whose id belongs to an older one. */
  duplicates: readonly Project[];
  /** What is wrong with manifests (by `Kind/name`) of which at most an older version serves. */
  invalid: ReadonlyMap<string, readonly ManifestProblem[]>;
  problems: readonly ManifestProblem[];
}

export const EMPTY_SNAPSHOT: Snapshot = {
  projectsById: new Map(),
  projectsByName: new Map(),
  clients: [],
  clientsByName: new Map(),
  clientsByToken: new Map(),
  duplicates: [],
  invalid: new Map(),
  problems: [],
};

/** The key of a client by who signs its tokens and what they call it; own tokens have no issuer. */
export function tokenKey(issuer: string | undefined, subject: string): string {
  return issuer === undefined ? ownTokenKey(subject) : JSON.stringify([issuer, subject]);
}

/** Asked for several times a session. */
const ownTokenKey = memo(MAX_KEPT_KEYS, (subject) => JSON.stringify([null, subject]));

/** The key of a client that is a Kubernetes service account; equal to no `tokenKey`. */
export function serviceAccountKey(namespace: string, name: string): string {
  return JSON.stringify(['serviceAccount', namespace, name]);
}

/** A cluster's name for a service account is this, its namespace, a colon and its name. */
export const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:';

/** What a client is called by who signs its tokens. */
export function subjectOf({ clientId, spec: { serviceAccount } }: Client): string {
  return serviceAccount === undefined
    ? clientId
    : `${SERVICE_ACCOUNT_PREFIX}${serviceAccount.namespace}:${serviceAccount.name}`;
}

export function keyOfClient({ issuer, clientId, spec: { serviceAccount } }: Client): string {
  return serviceAccount === undefined
    ? tokenKey(issuer, clientId)
    : serviceAccountKey(serviceAccount.namespace, serviceAccount.name);
}

/** Reads a manifest once: the same object is not checked again. */
export type Reader<T> = (manifest: Manifest) => Checked<T>;

export interface Readers {
  project: Reader<Project>;
  client: Reader<Client>;
}

/** Readers that remember what they made of a manifest for as long as somebody holds it. */
export function rememberingReaders(baseUrlAllowed: (url: string) => boolean): Readers {
  return {
    project: remembering((manifest) => readProject(manifest, baseUrlAllowed)),
    client: remembering(readClient),
  };
}

function remembering<T>(read: Reader<T>): Reader<T> {
  const known = new WeakMap<Manifest, Checked<T>>();
  return (manifest) => {
    const found = known.get(manifest) ?? attempt(manifest, read);
    known.set(manifest, found);
    return found;
  };
}

export interface SnapshotInput {
  projects: Manifest[];
  clients: Manifest[];
  /** What could not even be read as manifests. */
  problems: ManifestProblem[];
}

/**
 * Reads manifests into a snapshot. One that is not valid keeps its last good version from `previous`, and a project
 * id or client that two claim belongs to the older.
 */
export function buildSnapshot(input: SnapshotInput, previous: Snapshot, read: Readers): Snapshot {
  const problems = [...input.problems];
  const invalid = new Map<string, ManifestProblem[]>();
  const found = { problems, invalid };
  const projects = readAll(
    input.projects,
    read.project,
    (manifest) => withOwnSuspension(previous.projectsByName.get(manifest.name), manifest),
    found,
  );
  const clients = readAll(
    input.clients,
    read.client,
    (manifest) => withOwnSuspension(previous.clientsByName.get(manifest.name), manifest),
    found,
  );
  const projectsById = new Map<string, Project>();
  const duplicates: Project[] = [];
  for (const project of projects.sort(olderFirst)) {
    const owner = projectsById.get(project.projectId);
    if (owner === undefined) {
      projectsById.set(project.projectId, project);
    } else {
      duplicates.push(project);
      problems.push(claimed(project.source, '/spec/projectId', owner.source));
    }
  }
  const serving = [...projectsById.values()];
  const clientsByToken = new Map<string, Client>();
  for (const client of clients) {
    const key = keyOfClient(client);
    const owner = clientsByToken.get(key);
    if (owner === undefined) clientsByToken.set(key, client);
    else problems.push(claimed(client.source, identityField(client), owner.source));
  }
  return {
    projectsById,
    projectsByName: new Map(serving.map((project) => [project.name, project])),
    clients,
    clientsByName: new Map(clients.map((client) => [client.name, client])),
    clientsByToken,
    duplicates,
    invalid,
    problems,
  };
}

function readAll<T>(
  manifests: Manifest[],
  read: Reader<T>,
  lastGood: (manifest: Manifest) => T | undefined,
  { problems, invalid }: { problems: ManifestProblem[]; invalid: Map<string, ManifestProblem[]> },
): T[] {
  const values: T[] = [];
  for (const manifest of manifests) {
    const result = read(manifest);
    if (!result.ok) {
      const found = result.details.map(({ path, message }) => ({
        source: manifest.source,
        field: path,
        message,
      }));
      problems.push(...found);
      invalid.set(`${manifest.kind}/${manifest.name}`, found);
    }
    const value = result.ok ? result.value : lastGood(manifest);
    if (value !== undefined) values.push(value);
  }
  return values;
}

function identityField({ spec }: Client): string {
  return spec.serviceAccount === undefined ? '/spec/clientId' : '/spec/serviceAccount';
}

/** No single manifest stops the others, not even one that cannot be walked. */
function attempt<T>(manifest: Manifest, read: Reader<T>): Checked<T> {
  try {
    return read(manifest);
  } catch {
    return { ok: false, details: [{ path: '/', message: 'cannot be checked: is it nested too deeply?' }] };
  }
}

/** Suspending and resuming must not wait until a manifest is mended. */
function withOwnSuspension<T extends Project | Client>(
  lastGood: T | undefined,
  { document }: Manifest,
): T | undefined {
  const suspended = isRecord(document['spec']) ? (document['spec']['suspended'] ?? false) : undefined;
  if (lastGood === undefined || typeof suspended !== 'boolean') return lastGood;
  if (suspended === lastGood.spec.suspended) return lastGood;
  return { ...lastGood, spec: { ...lastGood.spec, suspended } };
}

function olderFirst(left: Project, right: Project): number {
  return left.createdAt - right.createdAt || (left.name < right.name ? -1 : 1);
}

function claimed(source: string, field: string, owner: string): ManifestProblem {
  return { source, field, message: `is already that of the older ${owner}` };
}
