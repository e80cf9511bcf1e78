import { CORE_API, pathOf } from '../../../src/kubernetes/resource-paths.ts';
import { until } from '../../support/until.ts';
import type { Kube } from './kube.ts';

const NAMESPACE = 'kube-system';
const SECRETS = pathOf(CORE_API, NAMESPACE, 'secrets');
const LABEL = 'sealedsecrets.bitnami.com/sealed-secrets-key';
const CONTROLLER = '/apis/apps/v1/namespaces/kube-system/deployments/sealed-secrets-controller';
const PODS = pathOf(CORE_API, NAMESPACE, 'pods');
const TIMEOUT_MS = 90_000;

interface SealingKey {
  metadata: { name: string; labels?: Record<string, string> };
  type: string;
  data: Record<string, string>;
}

/** The private keys of the cluster's sealed-secrets controller: everybody's, so whoever loses them puts them back. */
export class SealingKeys {
  readonly #kube: Kube;
  readonly #kept: readonly SealingKey[];

  private constructor(kube: Kube, kept: readonly SealingKey[]) {
    this.#kube = kube;
    this.#kept = kept;
  }

  /** Keeps those that there are, in memory. */
  static async keep(kube: Kube): Promise<SealingKeys> {
    const keys = await listKeys(kube);
    if (keys.length === 0) throw new Error('the sealed-secrets controller has no key');
    return new SealingKeys(kube, keys);
  }

  async names(): Promise<string[]> {
    return (await listKeys(this.#kube)).map(({ metadata }) => metadata.name);
  }

  /** As a cluster is that was just made: the controller never had another key than the one that it makes now. */
  async lose(): Promise<void> {
    await this.#scale(0);
    for (const name of await this.names()) await this.#kube.remove(`${SECRETS}/${name}`);
    await this.#scale(1);
    await until('the controller made a key', async () => (await this.names()).length > 0, TIMEOUT_MS);
  }

  /** Exactly those that were kept, and a controller that has no other. */
  async putBack(): Promise<void> {
    const kept = this.#kept.map(({ metadata }) => metadata.name);
    const now = await this.names();
    const missing = this.#kept.filter(({ metadata }) => !now.includes(metadata.name));
    const foreign = now.filter((name) => !kept.includes(name));
    if (missing.length === 0 && foreign.length === 0) {
      await this.#scale(1);
      return;
    }
    await this.#scale(0);
    for (const { metadata, type, data } of missing) {
      const { name, labels } = metadata;
      await this.#kube.create(SECRETS, { metadata: { name, labels }, type, data });
    }
    for (const name of foreign) await this.#kube.remove(`${SECRETS}/${name}`);
    await this.#scale(1);
  }

  /** Resolves once there are so many pods, and none that is about to end. */
  async #scale(replicas: number): Promise<void> {
    await this.#kube.patch(CONTROLLER, { spec: { replicas } });
    await until(
      `the controller has ${replicas} replicas`,
      async () => {
        const { status } = (await this.#kube.cluster.find(CONTROLLER)) as unknown as {
          status: { readyReplicas?: number; observedGeneration?: number };
        };
        return (status.readyReplicas ?? 0) === replicas && (await this.#pods()) === replicas;
      },
      TIMEOUT_MS,
    );
  }

  async #pods(): Promise<number> {
    const { items } = await this.#kube.request<{ items: unknown[] }>({
      method: 'GET',
      path: PODS,
      query: { labelSelector: await this.#selector() },
    });
    return items.length;
  }

  async #selector(): Promise<string> {
    const { spec } = (await this.#kube.cluster.find(CONTROLLER)) as unknown as {
      spec: { selector: { matchLabels: Record<string, string> } };
    };
    return Object.entries(spec.selector.matchLabels)
      .map(([name, value]) => `${name}=${value}`)
      .join(',');
  }
}

async function listKeys(kube: Kube): Promise<SealingKey[]> {
  const { items } = await kube.request<{ items: SealingKey[] }>({
    method: 'GET',
    path: SECRETS,
    query: { labelSelector: LABEL },
  });
  return items;
}
