import type { ManifestProblem } from '../manifests/manifest.ts';
import type { MissingKey } from '../vault/vault.ts';
import type { Client, Project } from './resource.ts';

export const REASONS = [
  'Ready',
  'KeyLoaded',
  'Invalid',
  'BaseUrlNotAllowed',
  'DuplicateProjectId',
  'DuplicateClient',
  'ProjectNotFound',
  'ProjectNotReady',
  'IssuerNotConfigured',
  'ServiceAccountsNotServed',
  'Suspended',
  'KeyMissing',
  'KeyMalformed',
  'KeyRejected',
  'SecretNotLabelled',
  'SecretNotUnsealed',
  'TurnSecretMissing',
] as const;
export type Reason = (typeof REASONS)[number];

/** A condition as it should be; when it came to be so is for whoever writes it to know. */
export interface Planned {
  type: 'Ready' | 'KeyLoaded';
  status: 'True' | 'False';
  reason: Reason;
  message: string;
}

/** What there is to tell of a key; a ProjectKey is one. */
export interface HeldKey {
  fingerprint: string;
  /** Milliseconds since the epoch. */
  loadedAt: number;
}

/** All that the conditions of a project follow from. */
export interface ObservedProject {
  /** The version that serves; undefined when none ever was valid. */
  project: Project | undefined;
  /** What is wrong with the newest version. */
  problems: readonly ManifestProblem[];
  /** The older project that has its id. */
  owner: Project | undefined;
  key: HeldKey | undefined;
  keyProblem: ManifestProblem | undefined;
  /** Why there is no key; undefined where nobody looked. */
  missing: MissingKey | undefined;
  /** Whether the provider refused the key when it was last used. */
  rejected: boolean;
  /** Why the vault has no secret for its relays; undefined where it has, or none is needed. */
  turnProblem: string | undefined;
}

export interface ObservedClient {
  client: Client | undefined;
  problems: readonly ManifestProblem[];
  /** The older client that has the same tokens. */
  owner: Client | undefined;
  /** Whether anybody can verify its tokens. */
  verifiable: 'yes' | 'IssuerNotConfigured' | 'ServiceAccountsNotServed';
  project: Project | undefined;
  /** Why the project is not ready, if so. */
  projectObstacle: Reason | undefined;
}

interface Obstacle {
  reason: Reason;
  message: string;
}

/** The first that stands in the way. */
type Check<Observed> = (observed: Observed) => Obstacle | undefined;

export function planProject(observed: ObservedProject): [ready: Planned, keyLoaded: Planned] {
  const { turnProblem } = observed;
  const [reason, message] =
    turnProblem === undefined
      ? (['Ready', 'it opens sessions'] as const)
      : (['TurnSecretMissing', `it opens sessions, but without relays: ${turnProblem}`] as const);
  return [
    condition('Ready', firstOf(PROJECT_CHECKS, observed), reason, message),
    condition(
      'KeyLoaded',
      keyObstacle(observed),
      'KeyLoaded',
      `the key ${observed.key?.fingerprint ?? ''} is in use`,
    ),
  ];
}

export function planClient(observed: ObservedClient): [ready: Planned] {
  return [condition('Ready', firstOf(CLIENT_CHECKS, observed), 'Ready', 'its tokens open sessions')];
}

const PROJECT_CHECKS: readonly Check<ObservedProject>[] = [
  invalid,
  ({ owner }) =>
    owner && {
      reason: 'DuplicateProjectId',
      message: `its projectId is that of the older Project ${owner.name}`,
    },
  ({ project }) => suspended(project),
  keyObstacle,
];

const CLIENT_CHECKS: readonly Check<ObservedClient>[] = [
  invalid,
  ({ owner }) =>
    owner && {
      reason: 'DuplicateClient',
      message: `its tokens are those of the older Client ${owner.name}`,
    },
  unverifiable,
  ({ client, project }) =>
    project === undefined
      ? { reason: 'ProjectNotFound', message: `no Project ${client?.projectName ?? ''} serves` }
      : undefined,
  ({ client }) => suspended(client),
  ({ project, projectObstacle }) =>
    projectObstacle && {
      reason: 'ProjectNotReady',
      message: `the Project ${project?.name ?? ''} is not ready: ${projectObstacle}`,
    },
];

function firstOf<Observed>(checks: readonly Check<Observed>[], observed: Observed): Obstacle | undefined {
  for (const check of checks) {
    const found = check(observed);
    if (found !== undefined) return found;
  }
  return undefined;
}

function condition(
  type: Planned['type'],
  obstacle: Obstacle | undefined,
  reason: Reason,
  message: string,
): Planned {
  return obstacle === undefined
    ? { type, status: 'True', reason, message }
    : { type, status: 'False', ...obstacle };
}

function invalid(observed: {
  problems: readonly ManifestProblem[];
  project?: Project | undefined;
  client?: Client | undefined;
}): Obstacle | undefined {
  const { problems } = observed;
  if (problems.length === 0) return undefined;
  const serves = 'client' in observed ? observed.client : observed.project;
  const told = problems.map(({ field, message }) => `${field} ${message}`).join('; ');
  const then =
    serves === undefined
      ? 'no version of it was valid since this service started, so it serves nobody'
      : 'its last good version serves';
  const baseUrl = problems.every(({ field }) => field === '/spec/provider/baseUrl');
  return { reason: baseUrl ? 'BaseUrlNotAllowed' : 'Invalid', message: `${told}; ${then}` };
}

function suspended(resource: Project | Client | undefined): Obstacle | undefined {
  if (resource?.spec.suspended !== true) return undefined;
  return {
    reason: 'Suspended',
    message: 'spec.suspended is true: no session is opened, the live ones are ended',
  };
}

function keyObstacle({ project, key, keyProblem, missing, rejected }: ObservedProject): Obstacle | undefined {
  if (keyProblem !== undefined) {
    const { source, field, message } = keyProblem;
    const then =
      key === undefined ? 'there is no key' : `the last good key ${key.fingerprint} serves until a restart`;
    return { reason: 'KeyMalformed', message: `${source} ${field} ${message}; ${then}` };
  }
  if (project === undefined)
    return { reason: 'Invalid', message: 'without a valid version, nobody knows which key is meant' };
  if (key === undefined) return missing ?? { reason: 'KeyMissing', message: 'the vault has no key for it' };
  return rejected
    ? {
        reason: 'KeyRejected',
        message: `the provider rejected the key ${key.fingerprint} when it was last used; the next session tries it again`,
      }
    : undefined;
}

function unverifiable({ verifiable }: ObservedClient): Obstacle | undefined {
  switch (verifiable) {
    case 'yes':
      return undefined;
    case 'IssuerNotConfigured':
      return { reason: verifiable, message: 'spec.issuer is not among VESTIBULE_JWT_ISSUERS' };
    case 'ServiceAccountsNotServed':
      return {
        reason: verifiable,
        message: 'service accounts are known only with VESTIBULE_VAULT=kubernetes',
      };
  }
}
