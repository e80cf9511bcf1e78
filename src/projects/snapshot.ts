import { isRecord } from '../common/json.ts';
import type { Checked } from '../common/schema.ts';
import type { Manifest, ManifestProblem } from '../directory/manifest.ts';
import { type Client, type Project, readClient, readProject } from './resource.ts';

/** All projects and clients at one moment, indexed; immutable, so that one request sees one configuration. */
export interface Snapshot {
  /** Those that serve, by projectId. */
  projectsById: ReadonlyMap<string, Project>;
  projectsByName: ReadonlyMap<string, Project>;
  clients: readonly Client[];
  /** By `tokenKey`. */
  clientsByToken: ReadonlyMap<string, Client>;
  /** Projects whose id belongs to an older one. */
  duplicates: readonly Project[];
  /** Names of projects and clients (`Kind/name`) whose newest manifest is not valid: an older version serves. */
  invalid: ReadonlySet<string>;
  problems: readonly ManifestProblem[];
}

export const EMPTY_SNAPSHOT: Snapshot = {
  projectsById: new Map(),
  projectsByName: new Map(),
  clients: [],
  clientsByToken: new Map(),
  duplicates: [],
  invalid: new Set(),
  problems: [],
};

/** The key of a client by who signs its tokens and what they call it; own tokens have no issuer. */
export function tokenKey(issuer: string | undefined, subject: string): string {
  return JSON.stringify([issuer ?? null, subject]);
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
export function buildSnapshot(
  input: SnapshotInput,
  previous: Snapshot,
  baseUrlAllowed: (url: string) => boolean,
): Snapshot {
  const problems = [...input.problems];
  const invalid = new Set<string>();
  const found = { problems, invalid };
  const projects = readAll(
    input.projects,
    (manifest) => readProject(manifest, baseUrlAllowed),
    (manifest) => lastGoodProject(manifest, previous),
    found,
  );
  const clients = readAll(
    input.clients,
    readClient,
    (manifest) => previous.clients.find(({ name }) => name === manifest.name),
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
    if (client.spec.serviceAccount !== undefined) continue;
    const key = tokenKey(client.issuer, client.clientId);
    const owner = clientsByToken.get(key);
    if (owner === undefined) clientsByToken.set(key, client);
    else problems.push(claimed(client.source, '/spec/clientId', owner.source));
  }
  return {
    projectsById,
    projectsByName: new Map(serving.map((project) => [project.name, project])),
    clients,
    clientsByToken,
    duplicates,
    invalid,
    problems,
  };
}

function readAll<T>(
  manifests: Manifest[],
  read: (manifest: Manifest) => Checked<T>,
  lastGood: (manifest: Manifest) => T | undefined,
  { problems, invalid }: { problems: ManifestProblem[]; invalid: Set<string> },
): T[] {
  const values: T[] = [];
  for (const manifest of manifests) {
    const result = attempt(manifest, read);
    if (!result.ok) {
      const found = result.details.map(({ path, message }) => ({
        source: manifest.source,
        field: path,
        message,
      }));
      problems.push(...found);
      invalid.add(`${manifest.kind}/${manifest.name}`);
    }
    const value = result.ok ? result.value : lastGood(manifest);
    if (value !== undefined) values.push(value);
  }
  return values;
}

/** No single manifest stops the others, not even one that cannot be walked. */
function attempt<T>(manifest: Manifest, read: (manifest: Manifest) => Checked<T>): Checked<T> {
  try {
    return read(manifest);
  } catch {
    return { ok: false, details: [{ path: '/', message: 'cannot be checked: is it nested too deeply?' }] };
  }
}

/** Suspending must not wait until a manifest is mended. */
function lastGoodProject({ name, document }: Manifest, previous: Snapshot): Project | undefined {
  const project = previous.projectsByName.get(name);
  const suspended = isRecord(document['spec']) && document['spec']['suspended'] === true;
  return project && suspended ? { ...project, spec: { ...project.spec, suspended } } : project;
}

function olderFirst(left: Project, right: Project): number {
  return left.createdAt - right.createdAt || (left.name < right.name ? -1 : 1);
}

function claimed(source: string, field: string, owner: string): ManifestProblem {
  return { source, field, message: `is already that of the older ${owner}` };
}
