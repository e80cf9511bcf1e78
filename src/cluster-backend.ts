import type { Logger } from 'pino';
import type { Backend } from './backend.ts';
import type { Clock } from './common/clock.ts';
import type { Settings } from './config/load-settings.ts';
import { ClusterManifests } from './kubernetes/cluster-manifests.ts';
import { openCluster } from './kubernetes/open-cluster.ts';
import { KubernetesVault } from './vault/kubernetes-vault.ts';
import { CertificateSource } from './vault/sealing/certificate-source.ts';

/** Custom resources in one namespace, keys in the Secrets of another. */
export function openClusterBackend(settings: Settings, log: Logger, clock: Clock): Backend {
  const cluster = openCluster();
  const origin = { service: settings.sealingController, file: settings.sealingCertificate };
  const certificates = new CertificateSource(cluster, origin, clock);
  const manifests = new ClusterManifests(cluster, settings.namespace, clock, log);
  return {
    kubernetes: { cluster, manifests, certificates },
    manifests,
    vault: new KubernetesVault(cluster, { namespace: settings.keyNamespace, certificates }, clock, log),
  };
}
