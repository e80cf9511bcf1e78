import { pathOf } from '../../../src/kubernetes/resource-paths.ts';
import type { Kube } from './kube.ts';

export interface DumpedObject {
  kind: string;
  name: string;
  /** The whole object as JSON, managed fields and status with it. */
  text: string;
}

interface ResourceList {
  resources: { name: string; kind: string; namespaced: boolean; verbs: string[] }[];
}
interface GroupList {
  groups: { preferredVersion: { groupVersion: string } }[];
}

/** Every object of every kind that the API server knows in these namespaces. */
export async function dumpOf(kube: Kube, namespaces: string[]): Promise<DumpedObject[]> {
  const { groups } = await kube.request<GroupList>({ method: 'GET', path: '/apis' });
  const apis = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const dumped: DumpedObject[] = [];
  for (const api of apis) {
    const { resources } = await kube.request<ResourceList>({ method: 'GET', path: api });
    for (const { name, kind } of resources.filter(
      ({ namespaced, verbs }) => namespaced && verbs.includes('list'),
    )) {
      for (const namespace of namespaces) {
        const { items } = await kube.request<{ items: { metadata: { name: string } }[] }>({
          method: 'GET',
          path: pathOf(api, namespace, name),
        });
        dumped.push(...items.map((item) => ({ kind, name: item.metadata.name, text: JSON.stringify(item) })));
      }
    }
  }
  return dumped;
}
