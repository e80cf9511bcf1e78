import type { Cluster } from '../kubernetes/cluster.ts';
import { KubernetesError } from '../kubernetes/kubernetes-error.ts';
import { AUTHENTICATION_API } from '../kubernetes/resource-paths.ts';

const AUTHORIZATION_API = '/apis/authorization.k8s.io/v1';

/** A verb on a resource; `*` stands for all. */
export interface Access {
  /** Absent: everywhere. */
  namespace?: string;
  group: string;
  /** With its subresource, as roles have it: `pods/exec`. */
  resource: string;
  verb: string;
  /** The only object that it is for. */
  resourceName?: string;
}

/** Whether this process's identity may do it. Every account may ask that, and nothing is stored. */
export async function mayDo(
  cluster: Cluster,
  { namespace, group, resource, verb, resourceName }: Access,
): Promise<boolean> {
  const [name, subresource] = resource.split('/');
  const { status } = await cluster.request<{ status?: { allowed?: boolean } }>({
    method: 'POST',
    path: `${AUTHORIZATION_API}/selfsubjectaccessreviews`,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: {
        resourceAttributes: { namespace, group, resource: name, subresource, verb, name: resourceName },
      },
    },
  });
  return status?.allowed === true;
}

interface RulesReview {
  status?: {
    incomplete?: boolean;
    resourceRules?: {
      verbs?: string[];
      apiGroups?: string[];
      resources?: string[];
      resourceNames?: string[];
    }[];
  };
}

export interface Allowed {
  accesses: Access[];
  /** Not every authorizer can list what it allows. */
  complete: boolean;
}

/** All that roles allow this process's identity in a namespace. */
export async function allowedIn(cluster: Cluster, namespace: string): Promise<Allowed> {
  const { status } = await cluster.request<RulesReview>({
    method: 'POST',
    path: `${AUTHORIZATION_API}/selfsubjectrulesreviews`,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      spec: { namespace },
    },
  });
  const accesses = (status?.resourceRules ?? []).flatMap(
    ({ apiGroups = [], resources = [], verbs = [], resourceNames }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) =>
            (resourceNames ?? [undefined]).map((resourceName) => ({
              namespace,
              group,
              resource,
              verb,
              ...(resourceName !== undefined && { resourceName }),
            })),
          ),
        ),
      ),
  );
  return { accesses, complete: status?.incomplete !== true };
}

/** As whom the API server knows this process. */
export async function whoAsks(cluster: Cluster): Promise<string> {
  try {
    const { status } = await cluster.request<{ status?: { userInfo?: { username?: string } } }>({
      method: 'POST',
      path: `${AUTHENTICATION_API}/selfsubjectreviews`,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    });
    return status?.userInfo?.username ?? NOBODY;
  } catch (error) {
    // Before Kubernetes 1.28.
    if (error instanceof KubernetesError) return NOBODY;
    throw error;
  }
}

const NOBODY = 'this identity';
