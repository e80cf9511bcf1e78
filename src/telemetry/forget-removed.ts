import type { Snapshot } from '../projects/snapshot.ts';
import type { Metrics } from './metrics.ts';

/** Drops the series of projects that are configured no more. */
export async function forgetRemoved(metrics: Metrics, now: Snapshot, before: Snapshot): Promise<void> {
  for (const projectId of before.projectsById.keys()) {
    if (!now.projectsById.has(projectId)) await metrics.forget(projectId);
  }
}
