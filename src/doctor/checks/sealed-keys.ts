import { isRecord } from '../../common/json.ts';
import type { Settings } from '../../config/load-settings.ts';
import { type Cluster, FIELD_MANAGER, type KubeObject } from '../../kubernetes/cluster.ts';
import { KubernetesError } from '../../kubernetes/kubernetes-error.ts';
import { pathOf, SEALED_SECRETS_API } from '../../kubernetes/resource-paths.ts';
import {
  certificateAnnotation,
  sealedKeys,
  unsealingProblem,
  VAULT_LABEL,
} from '../../vault/sealing/sealed-secret.ts';
import type { SealingCertificate } from '../../vault/sealing/sealing-certificate.ts';
import { type ClusterLink, listObjects } from '../cluster-link.ts';
import type { Configuration } from '../configuration.ts';
import { type Found, failure, findingEach, ok, Skipped, warning } from '../finding.ts';

type Certificate = Pick<SealingCertificate, 'fingerprint' | 'notBefore'>;

/** Whether the sealed keys were unsealed, are read, and are sealed by the certificate of today. */
export async function checkSealedKeys(
  link: ClusterLink,
  { namespace, keyNamespace }: Settings,
  configuration: () => Promise<Configuration>,
): Promise<Found[]> {
  const { cluster, certificates } = await link.reached();
  const [sealed, certificate, wanted] = await Promise.all([
    listSealed(cluster, keyNamespace),
    certificates.current().catch(() => undefined),
    configuration().then(wantedIn, () => new Set<string>()),
  ]);
  const keys = sealed.filter(
    (object) => namespace !== keyNamespace || isLabelled(object) || wanted.has(object.metadata.name),
  );
  if (keys.length === 0) throw new Skipped('there are no SealedSecrets with keys');
  return judgeSealedKeys(keys, certificate);
}

async function listSealed(cluster: Cluster, namespace: string): Promise<KubeObject[]> {
  try {
    return await listObjects(cluster, { path: pathOf(SEALED_SECRETS_API, namespace, 'sealedsecrets') });
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    throw new Skipped(`the API server does not list SealedSecrets: ${error.status} ${error.reason}`);
  }
}

function wantedIn({ snapshot }: Configuration): Set<string> {
  return new Set([...snapshot.projectsById.values()].map(({ keyRef }) => keyRef.name));
}

/** Without certificate, nothing is said of which one it was. */
export function judgeSealedKeys(keys: readonly KubeObject[], certificate: Certificate | undefined): Found[] {
  const older = certificate === undefined ? [] : keys.filter((object) => isOlder(object, certificate));
  const found = [
    ...findingEach(
      keys.filter((object) => unsealingProblem(object) !== undefined),
      (object) =>
        failure(
          `${sourceOf(object)} was not unsealed: ${unsealingProblem(object) ?? ''}`,
          'deposit the key again, or seal it again by kubeseal for this name and namespace; then see the controller’s log',
        ),
    ),
    ...findingEach(
      keys.filter((object) => !isLabelled(object)),
      (object) =>
        warning(
          `${sourceOf(object)} makes a Secret without the label ${VAULT_LABEL}: "true", so no key is read from it`,
          'add the label to its spec.template.metadata.labels, or keep what is no provider key in another namespace',
        ),
    ),
    ...findingEach(older, (object) =>
      warning(
        `${sourceOf(object)} was sealed by an older certificate than that of today`,
        'POST /projects/key/rotate with the key or a new one, or kubeseal --re-encrypt it where it is kept',
      ),
    ),
  ];
  if (found.length > 0) return found;
  return [
    ok(
      certificate === undefined
        ? `${keys.length} SealedSecrets are unsealed; by which certificate cannot be told`
        : `${keys.length} SealedSecrets are unsealed, all sealed by the certificate of today`,
    ),
  ];
}

function sourceOf({ metadata }: KubeObject): string {
  return `SealedSecret/${metadata.name}`;
}

function isLabelled({ spec }: KubeObject): boolean {
  return fieldOf(spec, 'template', 'metadata', 'labels', VAULT_LABEL) === 'true';
}

function fieldOf(value: unknown, ...path: string[]): unknown {
  return path.reduce((found: unknown, field) => (isRecord(found) ? found[field] : undefined), value);
}

/** What we sealed says by which certificate, until somebody else seals it again; the rest is judged by its time. */
function isOlder(object: KubeObject, { fingerprint, notBefore }: Certificate): boolean {
  const { at, by } = lastSealed(object);
  return sealedKeys(object).some((key) => {
    const annotated = object.metadata.annotations?.[certificateAnnotation(key) ?? ''];
    if (annotated === fingerprint) return false;
    return at < notBefore || (annotated !== undefined && by === FIELD_MANAGER);
  });
}

/** The API server keeps who last wrote `encryptedData`, and when. */
function lastSealed({ metadata }: KubeObject): { at: number; by?: string } {
  const { managedFields = [], creationTimestamp } = metadata;
  const writes = managedFields
    .filter(({ fieldsV1 }) => fieldOf(fieldsV1, 'f:spec', 'f:encryptedData') !== undefined)
    .map(({ time = creationTimestamp, manager }) => ({
      at: Date.parse(time),
      ...(manager !== undefined && { by: manager }),
    }))
    .sort((left, right) => right.at - left.at);
  return writes[0] ?? { at: Date.parse(creationTimestamp) };
}
