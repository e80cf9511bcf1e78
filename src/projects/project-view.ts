import type { ProjectKey } from '../vault/project-key.ts';
import type { Project } from './resource.ts';

interface Condition {
  type: 'Ready' | 'KeyLoaded';
  status: 'True' | 'False';
  reason: string;
}

/** A project as admins see it; `activeSessions` is null while the database is away. */
export function projectView(
  project: Project,
  key: ProjectKey | undefined,
  activeSessions: number | null,
): Record<string, unknown> {
  const { spec } = project;
  const conditions = conditionsOf(project, key);
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

function conditionsOf({ spec }: Project, key: ProjectKey | undefined): Condition[] {
  const keyLoaded: Condition =
    key === undefined
      ? { type: 'KeyLoaded', status: 'False', reason: 'KeyMissing' }
      : { type: 'KeyLoaded', status: 'True', reason: 'KeyLoaded' };
  const ready: Condition = spec.suspended
    ? { type: 'Ready', status: 'False', reason: 'Suspended' }
    : { type: 'Ready', status: keyLoaded.status, reason: key === undefined ? 'KeyMissing' : 'Ready' };
  return [ready, keyLoaded];
}
