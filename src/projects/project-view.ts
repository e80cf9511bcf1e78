import type { ProjectKey } from '../vault/project-key.ts';
import type { Project } from './resource.ts';

interface Condition {
  type: 'Ready' | 'KeyLoaded';
  status: 'True' | 'False';
  reason: string;
}

/** Why a project is not ready whatever its key, if so. */
export type Blocked = 'DuplicateProjectId' | 'Invalid' | undefined;

export interface ProjectState {
  key: ProjectKey | undefined;
  blocked: Blocked;
  /** Null while the database is away. */
  activeSessions: number | null;
}

/** A project as admins see it. */
export function projectView(project: Project, state: ProjectState): Record<string, unknown> {
  const { spec } = project;
  const { key, activeSessions } = state;
  const conditions = conditionsOf(project, state);
  return {
    project_id: project.projectId,
    name: project.name,
    provider: spec.provider,
    ready: conditions.every(({ status }) => status === 'True'),
    conditions,
    key_fingerprint: key?.fingerprint ?? null,
    key_loaded_at: key === undefined ? null : new Date(key.loadedAt).toISOString(),
    active_sessions: activeSessions,
    max_concurrent: spec.session.maxConcurrent,
    suspended: spec.suspended,
  };
}

function conditionsOf(project: Project, { key, blocked }: ProjectState): Condition[] {
  const keyReason = key === undefined ? 'KeyMissing' : 'KeyLoaded';
  const obstacle = obstacleOf(project, key, blocked);
  return [
    { type: 'Ready', status: obstacle === undefined ? 'True' : 'False', reason: obstacle ?? 'Ready' },
    { type: 'KeyLoaded', status: key === undefined ? 'False' : 'True', reason: keyReason },
  ];
}

function obstacleOf({ spec }: Project, key: ProjectKey | undefined, blocked: Blocked): string | undefined {
  if (blocked !== undefined) return blocked;
  if (spec.suspended) return 'Suspended';
  return key === undefined ? 'KeyMissing' : undefined;
}
