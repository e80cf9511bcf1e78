import type { Manifest, ManifestProblem } from '../directory/manifest.ts';
import { type Client, type Project, type Read, readClient, readProject } from './resource.ts';

/** All projects and clients at one moment, indexed; immutable, so that one request sees one configuration. */
export interface Snapshot {
  /** Those that serve, by projectId. */
  projectsById: ReadonlyMap<string, Project>;
  projectsByName: ReadonlyMap<string, Project>;
  clients: readonly Client[];
  /** By `tokenKey`. */
  clientsByToken: ReadonlyMap<string, Client>;
  problems: readonly ManifestProblem[];
}

export const EMPTY_SNAPSHOT: Snapshot = {
  projectsById: new Map(),
  projectsByName: new Map(),
  clients: [],
  clientsByToken: new Map(),
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
  const projects = readAll(
    input.projects,
    (manifest) => readProject(manifest, baseUrlAllowed),
    problems,
    (name) => previous.projectsByName.get(name),
  );
  const clients = readAll(input.clients, readClient, problems, (name) =>
    previous.clients.find((client) => client.name === name),
  );
  const projectsById = new Map<string, Project>();
  for (const project of projects.sort(olderFirst)) {
    const owner = projectsById.get(project.projectId);
    if (owner === undefined) projectsById.set(project.projectId, project);
    else problems.push(claimed(project.source, '/spec/projectId', owner.source));
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
    problems,
  };
}

function readAll<T>(
  manifests: Manifest[],
  read: (manifest: Manifest) => Read<T>,
  problems: ManifestProblem[],
  lastGood: (name: string) => T | undefined,
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
    }
    const value = result.ok ? result.value : lastGood(manifest.name);
    if (value !== undefined) values.push(value);
  }
  return values;
}

function olderFirst(left: Project, right: Project): number {
  return left.createdAt - right.createdAt || (left.name < right.name ? -1 : 1);
}

function claimed(source: string, field: string, owner: string): ManifestProblem {
  return { source, field, message: `is already that of the older ${owner}` };
}
