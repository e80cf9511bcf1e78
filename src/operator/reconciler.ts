import type { Clock } from '../common/clock.ts';
import type { Cluster, KubeObject } from '../kubernetes/cluster.ts';
import type { ClusterManifests, ClusterResource } from '../kubernetes/cluster-manifests.ts';
import { hasStatus } from '../kubernetes/kubernetes-error.ts';
import type { ConfigurationKind } from '../manifests/manifest-source.ts';
import type { Observer } from '../projects/observer.ts';
import { planClient, planProject } from '../projects/plan.ts';
import type { ActiveSessionsOf } from '../session/active-sessions.ts';
import type { EventWriter } from './event-writer.ts';
import { nextClientStatus, nextProjectStatus, type StatusChange, statusPatch } from './next-status.ts';
import { TryAgain } from './work-queue.ts';

/** Until the watch shows what was just written. */
const SETTLE_MS = 50;
/** Then it is looked at all the same: the watch may be silent. */
const MOST_SETTLES = 100;

type Change = StatusChange<object> | undefined;

export interface ReconcilerParts {
  cluster: Cluster;
  manifests: ClusterManifests;
  observer: Observer;
  events: EventWriter;
}

/**
 * Writes the status of a resource: observe, plan, write if it differs, tell of transitions. The write holds only for the
 * version that was looked at, so that a replica which has fallen behind writes nothing.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #clock: Clock;
  /** By key: the version that a status was written on, or found to be old; the watch has not shown the next yet. */
  readonly #written = new Map<string, { on: string; settles: number }>();
  #activeSessions: ActiveSessionsOf | undefined;

  constructor(parts: ReconcilerParts, clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
  }

  /** Undefined keeps what status says. */
  setActiveSessions(activeSessions: ActiveSessionsOf | undefined): void {
    this.#activeSessions = activeSessions ?? this.#activeSessions;
  }

  /** Forgets what it wrote on resources that are gone. */
  forgetRemoved(): void {
    for (const id of this.#written.keys()) {
      const [kind, name] = id.split('/') as [ConfigurationKind, string];
      if (this.#parts.manifests.resource(kind, name) === undefined) this.#written.delete(id);
    }
  }

  /** Whether `reconcile` might have something to do, by what is in memory. */
  isDue(kind: ConfigurationKind, name: string): boolean {
    const resource = this.#parts.manifests.resource(kind, name);
    if (resource === undefined) return false;
    if (kind === 'Client') return this.#client(resource) !== undefined;
    return this.#parts.observer.lacksExplanation(name) || this.#project(resource) !== undefined;
  }

  async reconcile(kind: ConfigurationKind, name: string): Promise<void> {
    const id = `${kind}/${name}`;
    const resource = this.#parts.manifests.resource(kind, name);
    if (resource === undefined) {
      this.#written.delete(id);
      return;
    }
    this.#awaitOwnWrite(id, resource);
    if (kind === 'Project') await this.#parts.observer.explain(name);
    const change = kind === 'Project' ? this.#project(resource) : this.#client(resource);
    if (change !== undefined) await this.#write(kind, resource, change);
  }

  #awaitOwnWrite(id: string, { resourceVersion }: ClusterResource): void {
    const written = this.#written.get(id);
    if (written?.on !== resourceVersion || written.settles >= MOST_SETTLES) {
      this.#written.delete(id);
      return;
    }
    written.settles += 1;
    throw new TryAgain(SETTLE_MS);
  }

  #project({ manifest, status, generation }: ClusterResource): Change {
    const observed = this.#parts.observer.project(manifest.name);
    const { project } = observed;
    const activeSessions =
      project === undefined || observed.owner !== undefined
        ? undefined
        : this.#activeSessions?.(project.projectId);
    const facts = { key: observed.key, activeSessions };
    return nextProjectStatus(status, planProject(observed), facts, { generation, now: this.#clock.now() });
  }

  #client({ manifest, status, generation }: ClusterResource): Change {
    const planned = planClient(this.#parts.observer.client(manifest.name));
    return nextClientStatus(status, planned, { generation, now: this.#clock.now() });
  }

  async #write(
    kind: ConfigurationKind,
    { manifest: { name }, uid, resourceVersion, status: before }: ClusterResource,
    { status, transitions }: StatusChange<object>,
  ): Promise<void> {
    const { cluster, manifests, events } = this.#parts;
    const path = `${manifests.pathOf(kind, name)}/status`;
    const body = { metadata: { uid, resourceVersion }, status: statusPatch(status, before) };
    let written: KubeObject;
    try {
      written = await cluster.request({ method: 'PATCH', path, body });
    } catch (error) {
      if (hasStatus(error, 404)) return;
      if (!hasStatus(error, 409)) throw error;
      // Somebody else wrote meanwhile: what was looked at is not what is there.
      this.#written.set(`${kind}/${name}`, { on: resourceVersion, settles: 0 });
      throw new TryAgain(SETTLE_MS);
    }
    this.#written.set(`${kind}/${name}`, { on: resourceVersion, settles: 0 });
    const involved = { kind, name, uid, resourceVersion: written.metadata.resourceVersion };
    // That it became ready, or not, tells of its key, too.
    const [told] = transitions;
    if (told !== undefined) await events.write(involved, told);
  }
}
