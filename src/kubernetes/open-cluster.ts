import { KubeConfig } from '@kubernetes/client-node';
import { SettingsError } from '../config/load-settings.ts';
import { Cluster } from './cluster.ts';

/** What the client falls back to when nothing says where a cluster is. */
const NOWHERE = 'http://localhost:8080';

/** The cluster of KUBECONFIG, else of the home's kubeconfig, else of the pod that this process runs in. */
export function openCluster(): Cluster {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch {
    throw new SettingsError(['KUBECONFIG names a file that cannot be read as a kubeconfig']);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || server === NOWHERE) {
    throw new SettingsError([
      'VESTIBULE_VAULT is kubernetes, but this process is in no pod, and neither KUBECONFIG nor the home’s kubeconfig names a current cluster',
    ]);
  }
  return new Cluster(config);
}
