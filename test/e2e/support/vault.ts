import { pino } from 'pino';
import { SystemClock } from '../../../src/common/clock.ts';
import type { Cluster } from '../../../src/kubernetes/cluster.ts';
import { KubernetesVault } from '../../../src/vault/kubernetes-vault.ts';
import { CertificateSource } from '../../../src/vault/sealing/certificate-source.ts';

const CONTROLLER = { namespace: 'kube-system', name: 'sealed-secrets-controller' };

/** A vault that has read everything. */
export async function startVault(cluster: Cluster, namespace: string): Promise<KubernetesVault> {
  const clock = new SystemClock();
  const certificates = new CertificateSource(cluster, { service: CONTROLLER, file: undefined }, clock);
  const vault = new KubernetesVault(cluster, { namespace, certificates }, clock, pino({ level: 'silent' }));
  await vault.start();
  await vault.loaded;
  return vault;
}
