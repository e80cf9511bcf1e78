import { type Backend, type KubernetesBackend, openBackend } from '../backend.ts';
import type { Clock } from '../common/clock.ts';
import type { Settings } from '../config/load-settings.ts';
import type { Cluster, KubeObject } from '../kubernetes/cluster.ts';
import { hasStatus } from '../kubernetes/kubernetes-error.ts';
import { type ListRequest, pagesOf } from '../kubernetes/pages.ts';
import { createLog } from '../telemetry/log.ts';
import { Skipped } from './finding.ts';

/** More objects than this are not looked at. */
const MAX_PAGES = 20;

export interface Reached extends KubernetesBackend {
  backend: Backend;
}

/** The cluster with its configuration and keys, reached once for all checks. */
export class ClusterLink {
  readonly #settings: Settings;
  readonly #clock: Clock;
  #backend: Promise<Backend> | undefined;
  #version: Promise<string> | undefined;

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Rejects with the reason why the API server is not reached. */
  version(): Promise<string> {
    return (this.#version ??= this.#ask());
  }

  /** For checks that another check's finding explains. */
  async reached(): Promise<Reached> {
    await this.version().catch(() => {
      throw new Skipped('the API server is not reached');
    });
    const backend = await this.#open();
    if (backend.kubernetes === undefined) throw new Skipped('VESTIBULE_VAULT is not kubernetes');
    return { ...backend.kubernetes, backend };
  }

  async close(): Promise<void> {
    const backend = await this.#backend?.catch(() => undefined);
    await backend?.kubernetes?.cluster.close();
  }

  #open(): Promise<Backend> {
    return (this.#backend ??= openBackend(this.#settings, createLog('silent'), this.#clock));
  }

  async #ask(): Promise<string> {
    const { kubernetes } = await this.#open();
    try {
      const answer = await kubernetes?.cluster.request<{ gitVersion?: unknown }>({
        method: 'GET',
        path: '/version',
      });
      return typeof answer?.gitVersion === 'string' ? answer.gitVersion : UNKNOWN;
    } catch (error) {
      // It answers, and keeps its version to itself.
      if (hasStatus(error, 403)) return UNKNOWN;
      throw error;
    }
  }
}

const UNKNOWN = 'of unknown version';

/** The objects of a collection, as far as anybody wants to read of them. */
export async function listObjects(cluster: Cluster, request: ListRequest): Promise<KubeObject[]> {
  const objects: KubeObject[] = [];
  for await (const { items } of pagesOf(cluster, request, MAX_PAGES)) objects.push(...items);
  return objects;
}
