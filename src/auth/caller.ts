import { AppError } from '../common/app-error.ts';
import type { Client, Project } from '../projects/resource.ts';
import type { Snapshot } from '../projects/snapshot.ts';
import type { ProjectKey } from '../vault/project-key.ts';
import type { Vault } from '../vault/vault.ts';
import type { VerifiedToken } from './verified-token.ts';
import { Unauthorized } from './unauthorized.ts';

/** A key is deposited by people: asking every second brings it no sooner. */
const KEY_RETRY_S = 30;

/** Who asks for a session, established: the project and the client if a JWT spoke. */
export interface Principal {
  flow: 'vault' | 'commercial';
  project: Project;
  /** A client's project can be without one, which is said only once all else is in order. */
  key: ProjectKey | undefined;
  client: Client | undefined;
}

/** A principal with its key's handle. */
export interface Caller extends Principal {
  key: ProjectKey;
}

export interface CallerClaims {
  token: VerifiedToken | undefined;
  /** As the body says, unchecked. */
  projectId: unknown;
  origin: string | undefined;
}

/** Whose project it is about, told also when the caller is then refused; but not with a 401, which must not tell. */
export interface KnownProject {
  project: Project;
  flow: Principal['flow'];
  /** Whether the request's Origin may read the answer. */
  readable: boolean;
}

/** Names the caller or refuses it, from memory and without waiting, so that no answer's time tells which it was. */
export function resolveCaller(
  snapshot: Snapshot,
  vault: Vault,
  claims: CallerClaims,
  onProject: (known: KnownProject) => void,
): Principal {
  return claims.token === undefined
    ? resolveProject(snapshot, vault, claims, onProject)
    : resolveClient(snapshot, vault, { ...claims, token: claims.token }, onProject);
}

function resolveProject(
  snapshot: Snapshot,
  vault: Vault,
  { projectId, origin }: CallerClaims,
  onProject: (known: KnownProject) => void,
): Principal {
  if (projectId === undefined || projectId === null) throw new Unauthorized('no_credentials');
  const project = typeof projectId === 'string' ? snapshot.projectsById.get(projectId) : undefined;
  if (project === undefined) throw new Unauthorized('unknown_project');
  const { access, suspended } = project.spec;
  if (access.projectId === 'Disabled') throw new Unauthorized('project_id_disabled');
  if (!originAllowed(project, origin)) throw new Unauthorized('origin');
  const key = vault.find(project.keyRef);
  if (key === undefined) throw new Unauthorized('project_without_key');
  onProject({ project, flow: 'vault', readable: true });
  if (suspended) throw new AppError('suspended', 'This project is suspended.');
  return { flow: 'vault', project, key, client: undefined };
}

function resolveClient(
  snapshot: Snapshot,
  vault: Vault,
  { token, projectId, origin }: CallerClaims & { token: VerifiedToken },
  onProject: (known: KnownProject) => void,
): Principal {
  const client = clientOf(snapshot, token);
  const project = snapshot.projectsByName.get(client.projectName);
  if (project) onProject({ project, flow: 'commercial', readable: originAllowed(project, origin) });
  refuseClient(client, project, projectId);
  if (project === undefined) throw keyUnavailable();
  return { flow: 'commercial', project, key: vault.find(project.keyRef), client };
}

/** Refuses a principal without a key, once its fields are known to be good. */
export function withKey(principal: Principal): Caller {
  if (!hasKey(principal)) throw keyUnavailable();
  return principal;
}

function hasKey(principal: Principal): principal is Caller {
  return principal.key !== undefined;
}

function keyUnavailable(): AppError {
  return new AppError('key_unavailable', 'This client’s project has no key in the vault.', {
    retryAfter: KEY_RETRY_S,
  });
}

function refuseClient(client: Client, project: Project | undefined, projectId: unknown): void {
  if (typeof projectId === 'string' && projectId !== project?.projectId) {
    throw new AppError('forbidden', 'This client may not use that project.');
  }
  if (client.spec.suspended || project?.spec.suspended === true) {
    throw new AppError('suspended', 'This client or its project is suspended.');
  }
}

function clientOf(snapshot: Snapshot, token: VerifiedToken): Client {
  const client = snapshot.clientsByToken.get(token.clientKey);
  if (client === undefined) throw new Unauthorized('unknown_client');
  const { tokensNotBefore } = client;
  if (tokensNotBefore !== undefined && !((token.issuedAt ?? 0) >= tokensNotBefore)) {
    throw new Unauthorized('token_too_old');
  }
  return client;
}

/** A request without Origin is allowed: the list stops sites, not scripts. */
export function originAllowed(project: Project, origin: string | undefined): boolean {
  const { allowedOrigins } = project.spec.access;
  return origin === undefined || allowedOrigins.length === 0 || allowedOrigins.includes(origin);
}
