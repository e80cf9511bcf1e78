import { pathOf, VESTIBULE_API } from '../../../src/kubernetes/resource-paths.ts';
import { type ServiceGroup, startServices } from '../../support/services.ts';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startSimulator, type Simulator } from '../../simulator/simulator.ts';
import { Kube } from './kube.ts';

export interface ClusterStackOptions {
  processes?: number;
  environment?: Record<string, string>;
  /** A file that says as whom the services ask the API server; without, as the administrator of KUBECONFIG. */
  kubeconfig?: string;
}

/** Service processes beside a cluster: configuration and keys are in it, the database and the provider are not. */
export interface ClusterStack extends ServiceGroup {
  /** The administrator. */
  kube: Kube;
  namespaces: Namespaces;
  database: TestDatabase;
  simulator: Simulator;
  /** Creates or replaces what `aProject`, `aClient` and `aSecret` describe. */
  apply(...manifests: Record<string, unknown>[]): Promise<void>;
}

interface Namespaces {
  /** Of Projects and Clients. */
  configuration: string;
  /** Of the Secrets with keys. */
  keys: string;
}

export async function startClusterStack(options: ClusterStackOptions = {}): Promise<ClusterStack> {
  const kubeconfig = options.kubeconfig ?? process.env['KUBECONFIG'];
  if (kubeconfig === undefined) throw new Error('KUBECONFIG has to name a cluster that may be changed');
  const kube = new Kube();
  const [configuration, keys, database, simulator] = await Promise.all([
    kube.createNamespace('configuration'),
    kube.createNamespace('keys'),
    createTestDatabase(),
    startSimulator(),
  ]);
  const namespaces = { configuration, keys };
  const release = async (): Promise<void> => {
    await simulator.close();
    await database.drop();
    await kube.close();
  };
  const group = await startServices({
    processes: options.processes,
    database,
    environment: {
      VESTIBULE_VAULT: 'kubernetes',
      VESTIBULE_NAMESPACE: configuration,
      VESTIBULE_KEY_NAMESPACE: keys,
      KUBECONFIG: kubeconfig,
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
