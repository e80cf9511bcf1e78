import { SettingsError, type Settings } from '../../config/load-settings.ts';
import type { Cluster } from '../../kubernetes/cluster.ts';
import { hasStatus } from '../../kubernetes/kubernetes-error.ts';
import { pathOf, SEALED_SECRETS_API, VESTIBULE_API } from '../../kubernetes/resource-paths.ts';
import type { ClusterLink } from '../cluster-link.ts';
import { reasonOf } from '../describe.ts';
import { type Found, failure, ok } from '../finding.ts';
import { reachFix } from '../reach.ts';

export interface Kind {
  /** Of its CustomResourceDefinition. */
  name: string;
  /** Undefined when the API server does not say, such as for a role that may not list it. */
  installed: boolean | undefined;
}

/** Whether the API server answers, and knows the kinds that are read and written. */
export async function checkCluster(link: ClusterLink, settings: Settings): Promise<Found[]> {
  let version: string;
  try {
    version = await link.version();
  } catch (error) {
    return [tellUnreached(error)];
  }
  const { cluster } = await link.reached();
  return judgeCluster(version, await kindsOf(cluster, settings));
}

export function tellUnreached(error: unknown): Found {
  if (error instanceof SettingsError) {
    return failure(
      error.problems.join('; '),
      'run doctor in the service’s pod, or name a kubeconfig in KUBECONFIG',
    );
  }
  if (hasStatus(error, 401)) {
    return failure(
      'the API server does not know this process: 401',
      'renew the credentials in the kubeconfig, or let the pod mount its account’s token',
    );
  }
  const fix = reachFix(error, 'see what answers where the kubeconfig, or KUBERNETES_SERVICE_HOST, says');
  return failure(`the API server is not reached: ${reasonOf(error)}`, fix);
}

const FIXES: Record<string, string> = {
  'sealedsecrets.bitnami.com':
    'install the sealed-secrets controller: until then keys can be used, and neither deposited nor rotated',
};

export function judgeCluster(version: string, kinds: readonly Kind[]): Found[] {
  const missing = kinds.filter(({ installed }) => installed === false);
  return missing.length === 0
    ? [ok(`Kubernetes ${version} answers`)]
    : missing.map(({ name }) =>
        failure(
          `the API server does not know ${name}`,
          FIXES[name] ?? 'kubectl apply --server-side -k k8s/crds, as an administrator',
        ),
      );
}

async function kindsOf(cluster: Cluster, { namespace, keyNamespace }: Settings): Promise<Kind[]> {
  const paths = {
    'projects.vestibule.dev': pathOf(VESTIBULE_API, namespace, 'projects'),
    'clients.vestibule.dev': pathOf(VESTIBULE_API, namespace, 'clients'),
    'sealedsecrets.bitnami.com': pathOf(SEALED_SECRETS_API, keyNamespace, 'sealedsecrets'),
  };
  return Promise.all(
    Object.entries(paths).map(async ([name, path]) => ({ name, installed: await isServed(cluster, path) })),
  );
}

async function isServed(cluster: Cluster, path: string): Promise<boolean | undefined> {
  try {
    await cluster.request({ method: 'GET', path, query: { limit: 1 } });
    return true;
  } catch (error) {
    return hasStatus(error, 404) ? false : undefined;
  }
}
