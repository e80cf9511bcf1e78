import { isRecord } from '../../common/json.ts';
import type { KubeObject } from '../../kubernetes/cluster.ts';

export const VAULT_LABEL = 'vestibule.dev/vault';
/** On a SealedSecret: the fingerprint of the certificate of its latest deposit. */
export const CERTIFICATE_ANNOTATION = 'vestibule.dev/sealing-certificate';
const NAMESPACE_WIDE = 'sealedsecrets.bitnami.com/namespace-wide';
const CLUSTER_WIDE = 'sealedsecrets.bitnami.com/cluster-wide';
const MAX_MESSAGE = 200;

/**
 * What a value is sealed for: strictly this name in this namespace, so that a copy elsewhere is worth nothing. One that
 * somebody made with a wider scope keeps it, or its other values could not be unsealed any more.
 */
export function scopeOf(namespace: string, name: string, existing: KubeObject | undefined): string {
  const annotations = existing?.metadata.annotations ?? {};
  if (annotations[CLUSTER_WIDE] === 'true') return '';
  if (annotations[NAMESPACE_WIDE] === 'true') return namespace;
  return `${namespace}/${name}`;
}

/** Both a new SealedSecret and a merge patch for one that exists. */
export function sealedSecret(
  { namespace, name, key }: { namespace: string; name: string; key: string },
  sealed: string,
  certificateFingerprint: string,
): Record<string, unknown> {
  return {
    apiVersion: 'bitnami.com/v1alpha1',
    kind: 'SealedSecret',
    metadata: { name, namespace, annotations: { [CERTIFICATE_ANNOTATION]: certificateFingerprint } },
    spec: {
      encryptedData: { [key]: sealed },
      template: { metadata: { name, namespace, labels: { [VAULT_LABEL]: 'true' } }, type: 'Opaque' },
    },
  };
}

export function sealedKeys({ spec }: KubeObject): string[] {
  return isRecord(spec) && isRecord(spec['encryptedData']) ? Object.keys(spec['encryptedData']) : [];
}

/** Why the controller did not unseal this generation; undefined while it has not said so. */
export function unsealingProblem(sealed: KubeObject): string | undefined {
  const { status, metadata } = sealed;
  if (!isRecord(status) || status['observedGeneration'] !== metadata.generation) return undefined;
  const conditions: unknown[] = Array.isArray(status['conditions']) ? status['conditions'] : [];
  const synced = conditions.filter(isRecord).find(({ type }) => type === 'Synced');
  if (synced?.['status'] !== 'False') return undefined;
  const { message } = synced;
  return typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : 'no reason given';
}
