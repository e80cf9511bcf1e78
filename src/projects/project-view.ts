import type { HeldKey, Planned } from './plan.ts';
import type { Project } from './resource.ts';

export interface ProjectState {
  key: HeldKey | undefined;
  conditions: readonly Planned[];
  /** Null while the database is away. */
  activeSessions: number | null;
}

/** A project as admins see it. */
export function projectView(project: Project, state: ProjectState): Record<string, unknown> {
  const { spec } = project;
  const { key, conditions, activeSessions } = state;
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
