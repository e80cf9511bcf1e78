import { isRecord } from '../../common/json.ts';
import type { KubeObject } from '../../kubernetes/cluster.ts';

export const VAULT_LABEL = 'vestibule.dev/vault';
const CERTIFICATE_ANNOTATIONS = 'sealed-by.vestibule.dev';
/** What Kubernetes takes for an annotation's name. */
const ANNOTATION_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
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

/**
 * The annotation of a SealedSecret that says by which certificate a deposit sealed an entry, by its fingerprint; undefined
 * for an entry whose name cannot be one.
 */
export function certificateAnnotation(key: string): string | undefined {
  return ANNOTATION_NAME.test(key) ? `${CERTIFICATE_ANNOTATIONS}/${key}` : undefined;
}

export interface SealedEntry {
  key: string;
  sealed: string;
  certificateFingerprint: string;
}

/** A merge patch that puts one entry into a SealedSecret and leaves the others, and whatever else somebody set. */
export function sealedEntryPatch({
  key,
  sealed,
  certificateFingerprint,
}: SealedEntry): Record<string, unknown> {
  const annotation = certificateAnnotation(key);
  return {
    metadata: { annotations: annotation === undefined ? {} : { [annotation]: certificateFingerprint } },
    spec: {
      encryptedData: { [key]: sealed },
      template: { metadata: { labels: { [VAULT_LABEL]: 'true' } } },
    },
  };
}

export function newSealedSecret(
  { namespace, name }: { namespace: string; name: string },
  entry: SealedEntry,
): Record<string, unknown> {
  const { metadata, spec } = sealedEntryPatch(entry) as {
    metadata: object;
    spec: { template: { metadata: object } };
  };
  const { template } = spec;
  return {
    apiVersion: 'bitnami.com/v1alpha1',
    kind: 'SealedSecret',
    metadata: { name, namespace, ...metadata },
    spec: { ...spec, template: { metadata: { name, namespace, ...template.metadata }, type: 'Opaque' } },
  };
}

export function sealedKeys({ spec }: KubeObject): string[] {
  return isRecord(spec) && isRecord(spec['encryptedData']) ? Object.keys(spec['encryptedData']) : [];
}

/** Why the controller did not unseal this generation; undefined while it has not said so. */
export function unsealingProblem(sealed: KubeObject): string | undefined {
  const synced = syncedCondition(sealed);
  if (synced?.['status'] !== 'False') return undefined;
  const { message } = synced;
  return typeof message === 'string'
    ? oneLine(message).slice(0, MAX_MESSAGE).toWellFormed()
    : 'no reason given';
}

/** Whether the controller has said that it unsealed this generation. */
export function isUnsealed(sealed: KubeObject): boolean {
  return syncedCondition(sealed)?.['status'] === 'True';
}

/** What the controller says of this generation; undefined while it says nothing. */
function syncedCondition({ status, metadata }: KubeObject): Record<string, unknown> | undefined {
  if (!isRecord(status) || status['observedGeneration'] !== metadata.generation) return undefined;
  const conditions: unknown[] = Array.isArray(status['conditions']) ? status['conditions'] : [];
  return conditions.filter(isRecord).find(({ type }) => type === 'Synced');
}

/** Whoever may write its status could put anything there, and it goes into a log and a terminal. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
}
