import { CORE_API, pathOf, VESTIBULE_API } from '../../../src/kubernetes/resource-paths.ts';
import { isRecord } from '../../../src/common/json.ts';
import type { Kube } from './kube.ts';

export interface SeenCondition {
  project: string;
  type: string;
  status: string;
  reason: string;
  /** Unix milliseconds. */
  at: number;
}

/** Every value that a condition of a project takes, as somebody sees who watches. */
export class ProjectWatch {
  readonly seen: SeenCondition[] = [];
  readonly #last = new Map<string, string>();
  #stream: AbortController | undefined;

  static async start(kube: Kube, namespace: string): Promise<ProjectWatch> {
    const watch = new ProjectWatch();
    const path = pathOf(VESTIBULE_API, namespace, 'projects');
    const { metadata } = await kube.request({ method: 'GET', path, query: { limit: 1 } });
    watch.#stream = await kube.cluster.watch(
      path,
      { resourceVersion: metadata.resourceVersion },
      {
        onEvent: (_type, object) => {
          watch.#take(object);
        },
        onEnd: () => undefined,
      },
    );
    return watch;
  }

  stop(): void {
    this.#stream?.abort();
  }

  #take(object: unknown): void {
    const { metadata, status } = object as { metadata: { name: string }; status?: unknown };
    const conditions: unknown[] =
      isRecord(status) && Array.isArray(status['conditions']) ? status['conditions'] : [];
    for (const condition of conditions.filter(isRecord)) {
      const [type, value, reason] = ['type', 'status', 'reason'].map((field) => String(condition[field]));
      const id = `${metadata.name}/${type ?? ''}`;
      const now = `${value ?? ''} ${reason ?? ''}`;
      if (this.#last.get(id) === now) continue;
      this.#last.set(id, now);
      this.seen.push({
        project: metadata.name,
        type: type!,
        status: value!,
        reason: reason!,
        at: Date.now(),
      });
    }
  }
}

/** The Events about a project, as `reason` and `message`. */
export async function eventsOf(
  kube: Kube,
  namespace: string,
  project: string,
): Promise<{ reason: string; message: string }[]> {
  const { items } = await kube.request<{
    items: { reason: string; message: string; involvedObject: { name: string } }[];
  }>({
    method: 'GET',
    path: pathOf(CORE_API, namespace, 'events'),
    query: { fieldSelector: `involvedObject.name=${project}` },
  });
  return items.map(({ reason, message }) => ({ reason, message }));
}
