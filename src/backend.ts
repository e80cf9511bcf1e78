import type { Logger } from 'pino';
import type { Clock } from './common/clock.ts';
import type { Settings } from './config/load-settings.ts';
import { ManifestDirectory } from './directory/manifest-directory.ts';
import type { Cluster } from './kubernetes/cluster.ts';
import type { ClusterManifests } from './kubernetes/cluster-manifests.ts';
import type { ManifestSource } from './manifests/manifest-source.ts';
import { DirectoryVault } from './vault/directory-vault.ts';
import type { CertificateSource } from './vault/sealing/certificate-source.ts';
import type { Vault } from './vault/vault.ts';

/** Where configuration and keys are, as VESTIBULE_VAULT says. */
export abstract class Backend {
  abstract readonly manifests: ManifestSource;
  abstract readonly vault: Vault;
  abstract readonly kubernetes: KubernetesBackend | undefined;
}

/** What there is beside, where they are in a cluster. */
export interface KubernetesBackend {
  cluster: Cluster;
  manifests: ClusterManifests;
  certificates: CertificateSource;
}

/** Opens it without reading anything yet. Kubernetes' client is loaded only where it is used: it takes 60 MB. */
export async function openBackend(settings: Settings, log: Logger, clock: Clock): Promise<Backend> {
  if (settings.vault === 'kubernetes') {
    const { openClusterBackend } = await import('./cluster-backend.ts');
    return openClusterBackend(settings, log, clock);
  }
  return openDirectory(settings, log, clock);
}

export function openDirectory(
  settings: Settings,
  log: Logger,
  clock: Clock,
): Backend & { manifests: ManifestDirectory } {
  const manifests = new ManifestDirectory(settings.directory, log, clock);
  return { manifests, vault: new DirectoryVault(manifests, clock, log), kubernetes: undefined };
}
