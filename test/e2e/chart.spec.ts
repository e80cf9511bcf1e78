import { changed, type Manifest, only, render, valuesOf } from '../chart/support/helm.ts';
import { Kube } from './support/kube.ts';
import { hasStatus } from '../../src/kubernetes/kubernetes-error.ts';
import { CORE_API } from '../../src/kubernetes/resource-paths.ts';

/** Those that a cluster has only with the Prometheus Operator and the Gateway API. */
const OF_OTHERS = ['HTTPRoute', 'PrometheusRule', 'ServiceMonitor'];

const kube = new Kube();
interface Resource {
  name: string;
  kind: string;
  namespaced: boolean;
}

let namespace: string;
let keyNamespace: string;

beforeAll(async () => {
  [namespace, keyNamespace] = await Promise.all([
    kube.createNamespace('chart'),
    kube.createNamespace('chart-keys'),
  ]);
  await kube.patch(`${CORE_API}/namespaces/${namespace}`, {
    metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
});
afterAll(async () => {
  await kube.close();
});

const apiOf = (version: string): string => (version === 'v1' ? CORE_API : `/apis/${version}`);

/** Undefined where the cluster has no such kind. */
async function resourceOf({ apiVersion, kind }: Manifest): Promise<Resource | undefined> {
  const { resources } = await kube
    .request<{ resources: Resource[] }>({ method: 'GET', path: apiOf(apiVersion) })
    .catch((error: unknown) => {
      if (hasStatus(error, 404)) return { resources: [] };
      throw error;
    });
  return resources.find((resource) => resource.kind === kind && !resource.name.includes('/'));
}

/** Judged as if it were made, and nothing kept: a field that the API server does not know is refused. */
async function tryOut(manifest: Manifest): Promise<void> {
  const { apiVersion, metadata } = manifest;
  const { name, namespaced } = (await resourceOf(manifest))!;
  const api = apiOf(apiVersion);
  const place = namespaced ? `${api}/namespaces/${metadata.namespace!}` : api;
  const query = { dryRun: 'All', fieldValidation: 'Strict' };
  await kube
    .request({ method: 'POST', path: `${place}/${name}`, query, body: manifest })
    .catch((error: unknown) => {
      // That it is there already is the last thing that is looked at.
      if (!hasStatus(error, 409)) throw error;
    });
}

/** What the workloads make, which is where Pod Security looks. */
function podOf({ metadata, spec }: Manifest): Manifest {
  const { labels } = metadata;
  const pod = { ...spec.template.spec, serviceAccountName: 'default' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${metadata.name}-pod`, namespace, labels },
    spec: pod,
  };
}

const isServed = async (manifest: Manifest): Promise<boolean> => (await resourceOf(manifest)) !== undefined;

describe('the chart', () => {
  it.each(['default', 'full'] as const)('makes of the %s values what the API server takes', async (which) => {
    const manifests = await render(
      changed(valuesOf(which), {
        keyNamespace: { name: keyNamespace },
        monitoring: { dashboards: { namespace } },
      }),
      { namespace },
    );
    const served = await Promise.all(manifests.map(isServed));
    expect(OF_OTHERS).toEqual(
      expect.arrayContaining(manifests.filter((_manifest, index) => !served[index]).map(({ kind }) => kind)),
    );
    for (const manifest of manifests.filter((_manifest, index) => served[index])) await tryOut(manifest);
    for (const kind of ['Deployment', 'Job']) await tryOut(podOf(only(manifests, kind)));
  });

  it('would be told of an unknown field, and of a pod that is not restricted', async () => {
    const manifests = await render(valuesOf('default'), { namespace });
    const service = only(manifests, 'Service', '-ops');
    await expect(tryOut({ ...service, spec: { ...service.spec, selectr: {} } })).rejects.toThrow(
      /answered 400/,
    );
    const pod = only(manifests, 'Pod');
    await tryOut(pod);
    await expect(tryOut({ ...pod, spec: { ...pod.spec, securityContext: {} } })).rejects.toThrow(
      /answered 403/,
    );
  });
});
