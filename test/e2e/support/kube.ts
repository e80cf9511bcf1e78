import { KubeConfig } from '@kubernetes/client-node';
import { randomBytes } from 'node:crypto';
import { type ApiRequest, Cluster, type KubeObject } from '../../../src/kubernetes/cluster.ts';
import { hasStatus } from '../../../src/kubernetes/kubernetes-error.ts';
import { CORE_API, pathOf } from '../../../src/kubernetes/resource-paths.ts';
import { until } from '../../support/until.ts';

const TEST_LABEL = 'vestibule.dev/e2e';

type Named = Record<string, unknown> & { metadata: { name: string; [field: string]: unknown } };

/** The cluster of KUBECONFIG, as its administrator. */
export function adminConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}

export function clusterOf(config: KubeConfig): Cluster {
  return new Cluster(config);
}

/** The API server as an administrator uses it: behind the service's back. */
export class Kube {
  readonly cluster: Cluster = clusterOf(adminConfig());
  readonly #namespaces: string[] = [];

  request<T = KubeObject>(request: ApiRequest): Promise<T> {
    return this.cluster.request<T>(request);
  }

  async createNamespace(prefix: string): Promise<string> {
    const name = `vestibule-e2e-${prefix}-${randomBytes(4).toString('hex')}`;
    await this.create(`${CORE_API}/namespaces`, { metadata: { name, labels: { [TEST_LABEL]: 'true' } } });
    this.#namespaces.push(name);
    return name;
  }

  create(path: string, body: Record<string, unknown>): Promise<KubeObject> {
    return this.request({ method: 'POST', path, body });
  }

  /** Creates it, or puts it in place of what is there, whose status the service may be writing. */
  async put(path: string, body: Named): Promise<KubeObject> {
    return until(`${path}/${body.metadata.name} is put`, () =>
      this.#tryPut(path, body).catch((error: unknown) => {
        if (hasStatus(error, 409)) return undefined;
        throw error;
      }),
    );
  }

  async #tryPut(path: string, body: Named): Promise<KubeObject> {
    const existing = await this.cluster.find(`${path}/${body.metadata.name}`);
    if (existing === undefined) return this.create(path, body);
    const { resourceVersion } = existing.metadata;
    return this.request({
      method: 'PUT',
      path: `${path}/${body.metadata.name}`,
      body: { ...body, metadata: { ...body.metadata, resourceVersion } },
    });
  }

  patch(path: string, body: Record<string, unknown>): Promise<KubeObject> {
    return this.request({ method: 'PATCH', path, body });
  }

  /** Resolves once it is gone. */
  async remove(path: string): Promise<void> {
    await this.request({ method: 'DELETE', path }).catch((error: unknown) => {
      if (!hasStatus(error, 404)) throw error;
    });
    await until(`${path} is gone`, async () => (await this.cluster.find(path)) === undefined);
  }

  /** A labelled Secret with exactly these entries, which the sealed-secrets controller may take over. */
  async putSecret(namespace: string, name: string, entries: Record<string, string>): Promise<void> {
    const data = Object.fromEntries(
      Object.entries(entries).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]),
    );
    await this.put(pathOf(CORE_API, namespace, 'secrets'), {
      metadata: {
        name,
        labels: { 'vestibule.dev/vault': 'true' },
        annotations: { 'sealedsecrets.bitnami.com/managed': 'true' },
      },
      data,
    });
  }

  /** Takes away all that this object made; what is in a namespace goes with it. */
  async close(): Promise<void> {
    for (const name of this.#namespaces) {
      await this.request({ method: 'DELETE', path: `${CORE_API}/namespaces/${name}` }).catch(() => undefined);
    }
    await this.cluster.close();
  }
}
