import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Backend, openDirectory } from '../backend.ts';
import type { Clock } from '../common/clock.ts';
import type { Settings } from '../config/load-settings.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import { KubernetesError } from '../kubernetes/kubernetes-error.ts';
import { CORE_API, pathOf, VESTIBULE_API } from '../kubernetes/resource-paths.ts';
import type { ManifestProblem } from '../manifests/manifest.ts';
import { ProjectRegistry } from '../projects/project-registry.ts';
import { providerUrlPolicy } from '../projects/provider-urls.ts';
import type { Project } from '../projects/resource.ts';
import type { Snapshot } from '../projects/snapshot.ts';
import { createLog } from '../telemetry/log.ts';
import { VAULT_LABEL } from '../vault/sealing/sealed-secret.ts';
import type { MissingKey, Vault } from '../vault/vault.ts';
import { type ClusterLink, listObjects } from './cluster-link.ts';
import { MAX_ALIKE, Skipped } from './finding.ts';

/** All lists of a large cluster. */
const READ_MS = 10_000;

export interface Keyless {
  project: Project;
  /** Looked for in a cluster, and only for as many as are told apart. */
  why?: MissingKey;
}

/** Projects, clients and keys as a service that starts now would read them. Only names of keys, no key. */
export interface Configuration {
  snapshot: Snapshot;
  problems: ManifestProblem[];
  keyless: Keyless[];
  /** What the vault holds, be it used or not. */
  secrets: { name: string; source: string }[];
}

/** Reads the folder once. It is not started, so that nothing is made, tidied or watched. */
export async function readDirectoryConfiguration(settings: Settings, clock: Clock): Promise<Configuration> {
  await readdir(settings.directory).catch(() => {
    throw new Skipped('VESTIBULE_DIR is not there or cannot be read');
  });
  const backend = openDirectory(settings, createLog('silent'), clock);
  await backend.manifests.refresh();
  await backend.vault.start();
  const { snapshot, problems } = configured(backend, settings);
  return {
    snapshot,
    problems,
    keyless: withoutKey(snapshot, backend.vault).map((project) => ({ project })),
    secrets: backend.manifests.list('Secret').map(({ name, source }) => ({ name, source })),
  };
}

/** Lists Projects, Clients and keys as `serve` does, and stops before it would follow them. */
export async function readClusterConfiguration(
  link: ClusterLink,
  settings: Settings,
): Promise<Configuration> {
  const { backend, cluster } = await link.reached();
  const secrets = await readable(cluster, settings);
  try {
    await backend.manifests.start();
    await backend.vault.start();
    await loadedInTime(backend);
    const { snapshot, problems } = configured(backend, settings);
    return { snapshot, problems, keyless: await explained(snapshot, backend.vault), secrets };
  } finally {
    backend.vault.stop();
    backend.manifests.stop();
  }
}

function configured(
  { manifests, vault }: Backend,
  settings: Settings,
): Pick<Configuration, 'snapshot' | 'problems'> {
  const { allowed, first } = providerUrlPolicy(settings);
  const registry = new ProjectRegistry(
    manifests,
    { baseUrlAllowed: allowed, baseUrlOfNewProjects: first },
    createLog('silent'),
  );
  registry.start();
  const { snapshot } = registry;
  return { snapshot, problems: [...snapshot.problems, ...vault.problems()] };
}

function withoutKey({ projectsById }: Snapshot, vault: Vault): Project[] {
  return [...projectsById.values()].filter(({ keyRef }) => vault.find(keyRef) === undefined);
}

async function explained(snapshot: Snapshot, vault: Vault): Promise<Keyless[]> {
  return Promise.all(
    withoutKey(snapshot, vault).map(async (project, index) => {
      const why =
        index < MAX_ALIKE ? await vault.explainMissing(project.keyRef).catch(() => undefined) : undefined;
      return { project, ...(why !== undefined && { why }) };
    }),
  );
}

/** The labelled Secrets; Skipped when lists are refused, which would be asked for again and again. */
async function readable(
  cluster: Cluster,
  { namespace, keyNamespace }: Settings,
): Promise<Configuration['secrets']> {
  const labelSelector = `${VAULT_LABEL}=true`;
  const peek = (plural: string): Promise<unknown> =>
    cluster.request({ method: 'GET', path: pathOf(VESTIBULE_API, namespace, plural), query: { limit: 1 } });
  try {
    await Promise.all([peek('projects'), peek('clients')]);
    const path = pathOf(CORE_API, keyNamespace, 'secrets');
    const found = await listObjects(cluster, { path, labelSelector, metadataOnly: 'list' });
    return found.map(({ metadata: { name } }) => ({ name, source: `Secret/${name}` }));
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    throw new Skipped(
      `the API server does not list Projects, Clients or keys: ${error.status} ${error.reason}`,
    );
  }
}

async function loadedInTime({ manifests, vault }: Backend): Promise<void> {
  const over = new AbortController();
  const inTime = await Promise.race([
    Promise.all([manifests.loaded, vault.loaded]).then(() => true),
    delay(READ_MS, false, { signal: over.signal }),
  ]);
  over.abort();
  if (!inTime) throw new Error(`Projects, Clients and keys were not read within ${READ_MS / 1000} s`);
}
