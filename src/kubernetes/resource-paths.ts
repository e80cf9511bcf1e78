export const VESTIBULE_API = '/apis/vestibule.dev/v1alpha1';
export const SEALED_SECRETS_API = '/apis/bitnami.com/v1alpha1';
export const CORE_API = '/api/v1';
export const AUTHENTICATION_API = '/apis/authentication.k8s.io/v1';
export const COORDINATION_API = '/apis/coordination.k8s.io/v1';

/** A namespaced collection, or one object of it. */
export function pathOf(api: string, namespace: string, plural: string, name?: string): string {
  const collection = `${api}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
  return name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`;
}
