import { pathOf, VESTIBULE_API } from '../../../src/kubernetes/resource-paths.ts';
import { type ServiceGroup, startServices } from '../../support/services.ts';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startSimulator, type Simulator } from '../../simulator/simulator.ts';
import { ApiServerProxy } from './api-server-proxy.ts';
import { createIdentity, type GrantOptions, type Identity, type Namespaces } from './identity.ts';
import { Kube } from './kube.ts';

export interface ClusterStackOptions {
  processes?: number;
  environment?: Record<string, string>;
  /** What the services' account may do; without, exactly what the roles in k8s/rbac say. */
  grants?: GrantOptions;
  /** Puts `proxy` between the services and the API server. */
  behindProxy?: boolean;
}

/** Service processes beside a cluster: configuration and keys are in it, the database and the provider are not. */
export interface ClusterStack extends ServiceGroup {
  /** The administrator. */
  kube: Kube;
  namespaces: Namespaces;
  database: TestDatabase;
  simulator: Simulator;
  /** As whom the services ask the API server. */
  identity: Identity;
  /** Only with `behindProxy`. */
  proxy: ApiServerProxy | undefined;
  /** Creates or replaces what `aProject`, `aClient` and `aSecret` describe. */
  apply(...manifests: Record<string, unknown>[]): Promise<void>;
}

export async function startClusterStack(options: ClusterStackOptions = {}): Promise<ClusterStack> {
  if (!process.env['KUBECONFIG']) throw new Error('KUBECONFIG has to name a cluster that may be changed');
  const kube = new Kube();
  const [configuration, keys, database, simulator] = await Promise.all([
    kube.createNamespace('configuration'),
    kube.createNamespace('keys'),
    createTestDatabase(),
    startSimulator(),
  ]);
  const namespaces = { configuration, keys };
  const identity = await createIdentity(kube, namespaces, options.grants);
  const { kubeconfigPath } = identity;
  const proxy = options.behindProxy === true ? await ApiServerProxy.start(kubeconfigPath) : undefined;
  const release = async (): Promise<void> => {
    await proxy?.stop();
    await simulator.close();
    await database.drop();
    await identity.remove();
    await kube.close();
  };
  const group = await startServices({
    processes: options.processes,
    database,
    environment: {
      VESTIBULE_VAULT: 'kubernetes',
      VESTIBULE_NAMESPACE: configuration,
      VESTIBULE_KEY_NAMESPACE: keys,
      KUBECONFIG: proxy?.kubeconfig ?? kubeconfigPath,
      ...options.environment,
    },
    release,
  });
  return {
    ...group,
    kube,
    namespaces,
    database,
    simulator,
    identity,
    proxy,
    apply: async (...manifests) => {
      for (const manifest of manifests) await apply(kube, namespaces, manifest as unknown as Described);
    },
  };
}

interface Described {
  kind: 'Project' | 'Client' | 'Secret';
  metadata: { name: string };
  /** A Secret's. */
  data?: Record<string, string>;
  [field: string]: unknown;
}

async function apply(kube: Kube, { configuration, keys }: Namespaces, described: Described): Promise<void> {
  const { kind, metadata, data = {} } = described;
  if (kind === 'Secret') {
    const entries = Object.entries(data).map(([key, encoded]) => [key, decoded(encoded)] as const);
    await kube.putSecret(keys, metadata.name, Object.fromEntries(entries));
  } else {
    const plural = { Project: 'projects', Client: 'clients' }[kind];
    await kube.put(pathOf(VESTIBULE_API, configuration, plural), described);
  }
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}
