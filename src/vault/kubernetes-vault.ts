import type { Logger } from 'pino';
import { unavailable } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import type { SecretString } from '../common/secret-string.ts';
import type { Cluster, KubeObject } from '../kubernetes/cluster.ts';
import { hasStatus } from '../kubernetes/kubernetes-error.ts';
import { readBack } from '../kubernetes/read-back.ts';
import { CORE_API, pathOf, SEALED_SECRETS_API } from '../kubernetes/resource-paths.ts';
import { WatchedList } from '../kubernetes/watched-list.ts';
import type { ManifestProblem } from '../manifests/manifest.ts';
import { ProblemReport } from '../manifests/problem-report.ts';
import { KeyRing } from './key-ring.ts';
import type { KeyRef, ProjectKey } from './project-key.ts';
import type { CertificateSource } from './sealing/certificate-source.ts';
import { seal } from './sealing/seal.ts';
import {
  certificateAnnotation,
  isUnsealed,
  newSealedSecret,
  scopeOf,
  type SealedEntry,
  sealedEntryPatch,
  sealedKeys,
  unsealingProblem,
  VAULT_LABEL,
} from './sealing/sealed-secret.ts';
import { readSecret, type StoredSecret } from './stored-secret.ts';
import { type MissingKey, Vault } from './vault.ts';

/** From a SealedSecret's write to its Secret's sight: the controller takes some 100 ms. */
const UNSEAL_MS = 10_000;
const ASK_AGAIN_MS = 500;
/** Removal meets another's write at most this often in a row. */
const REMOVE_ATTEMPTS = 3;

export interface KubernetesVaultOptions {
  namespace: string;
  certificates: CertificateSource;
}

/**
 * Keys in the labelled Secrets of one namespace. They are only read: a deposit seals the key and writes a SealedSecret,
 * which the sealed-secrets controller alone can open.
 */
export class KubernetesVault extends Vault {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #certificates: CertificateSource;
  readonly #secrets: WatchedList<StoredSecret>;
  readonly #ring: KeyRing;
  readonly #report: ProblemReport;
  readonly loaded: Promise<void>;
  /** One write of a Secret at a time, by its name: who reads back must not find another's key. */
  readonly #writes = new Map<string, Promise<unknown>>();
  #listeners: (() => void)[] = [];

  constructor(
    cluster: Cluster,
    { namespace, certificates }: KubernetesVaultOptions,
    clock: Clock,
    logger: Logger,
  ) {
    super();
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#certificates = certificates;
    this.#ring = new KeyRing(clock);
    this.#report = new ProblemReport(logger);
    const options = {
      path: pathOf(CORE_API, namespace, 'secrets'),
      labelSelector: `${VAULT_LABEL}=true`,
      read: storedSecret,
    };
    this.#secrets = new WatchedList(cluster, options, clock, logger);
    this.loaded = this.#secrets.loaded;
  }

  override async start(): Promise<void> {
    this.#secrets.onChange(() => {
      this.#load();
    });
    this.#secrets.start();
    return Promise.resolve();
  }

  override stop(): void {
    this.#secrets.stop();
    this.#listeners = [];
  }

  override find(ref: KeyRef): ProjectKey | undefined {
    return this.#ring.find(ref);
  }

  override async holds(secretName: string): Promise<boolean> {
    try {
      const found = await Promise.all([
        this.#cluster.find(this.#secretPath(secretName), { metadataOnly: true }),
        this.#cluster.find(this.#sealedPath(secretName)),
      ]);
      return found.some((object) => object !== undefined);
    } catch (error) {
      throw unavailable('The vault cannot be asked what it holds.', error);
    }
  }

  override async checkWritable(): Promise<void> {
    await this.#certificates.current();
  }

  override currentAt(): number {
    return this.#secrets.currentAt();
  }

  override problems(): ManifestProblem[] {
    return this.#ring.problems();
  }

  override problemOf(ref: KeyRef): ManifestProblem | undefined {
    return this.#ring.problemOf(ref);
  }

  override onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  override put(ref: KeyRef, secret: SecretString): Promise<ProjectKey> {
    return this.#alone(ref.name, async () => {
      const seen = (): ProjectKey | undefined => {
        const found = this.find(ref);
        return found?.fingerprint === secret.fingerprint() ? found : undefined;
      };
      const seenBefore = seen() !== undefined;
      const applied = await this.#apply(ref, secret);
      return this.#awaitUnsealed(ref, applied, { seen, seenBefore });
    });
  }

  override remove(ref: KeyRef): Promise<void> {
    return this.#alone(ref.name, async () => {
      const sealed = await this.#unseal(ref).catch((error: unknown) => {
        throw unavailable('The vault could not remove the key.', error);
      });
      const gone = (): true | undefined => this.find(ref) === undefined || undefined;
      if (!sealed && gone() === undefined) {
        throw unavailable('This key is no SealedSecret’s: remove its Secret by hand.');
      }
      const seen = await readBack(gone, (listener) => this.#onceLoaded(listener), UNSEAL_MS);
      if (seen === undefined) throw unavailable('The vault still returns the key that was removed.');
    });
  }

  override async explainMissing({ name, key }: KeyRef): Promise<MissingKey> {
    const secret = await this.#cluster.find(this.#secretPath(name), { metadataOnly: true });
    if (secret !== undefined) {
      return secret.metadata.labels?.[VAULT_LABEL] === 'true'
        ? { reason: 'KeyMissing', message: `the Secret ${name} has no entry ${key}` }
        : {
            reason: 'SecretNotLabelled',
            message: `the Secret ${name} lacks the label ${VAULT_LABEL}: "true"`,
          };
    }
    const sealed = await this.#cluster.find(this.#sealedPath(name));
    if (sealed === undefined) {
      return { reason: 'KeyMissing', message: `there is no Secret ${name} and no SealedSecret` };
    }
    const problem = unsealingProblem(sealed) ?? 'the controller has not said why';
    return { reason: 'SecretNotUnsealed', message: `the SealedSecret ${name} was not unsealed: ${problem}` };
  }

  async #apply(ref: KeyRef, secret: SecretString): Promise<KubeObject> {
    const { fingerprint, publicKey } = await this.#certificates.current();
    try {
      const existing = await this.#cluster.find(this.#sealedPath(ref.name));
      const sealed = seal(publicKey, scopeOf(this.#namespace, ref.name, existing), secret);
      const entry = { key: ref.key, sealed, certificateFingerprint: fingerprint };
      return await this.#write(ref.name, entry, existing !== undefined);
    } catch (error) {
      throw unavailable('The vault could not store the key.', error);
    }
  }

  async #write(name: string, entry: SealedEntry, exists: boolean): Promise<KubeObject> {
    const patch = (): Promise<KubeObject> =>
      this.#cluster.request({ method: 'PATCH', path: this.#sealedPath(name), body: sealedEntryPatch(entry) });
    const create = (): Promise<KubeObject> => {
      const body = newSealedSecret({ namespace: this.#namespace, name }, entry);
      return this.#cluster.request({ method: 'POST', path: this.#sealedPath(), body });
    };
    try {
      return await (exists ? patch() : create());
    } catch (error) {
      // It appeared or went since we looked.
      if (!exists && hasStatus(error, 409)) return patch();
      if (exists && hasStatus(error, 404)) return create();
      throw error;
    }
  }

  /**
   * Resolves once the Secret shows what was sealed: the SealedSecret's own `Synced` has been wrong. Where the Secret showed
   * the same key before, that proves nothing of what is sealed now, and the controller's word has to do.
   */
  async #awaitUnsealed(
    ref: KeyRef,
    applied: KubeObject,
    { seen, seenBefore }: { seen: () => ProjectKey | undefined; seenBefore: boolean },
  ): Promise<ProjectKey> {
    const ask = seenBefore ? (): undefined => undefined : seen;
    let problemBefore: string | undefined;
    for (let waited = 0; waited < UNSEAL_MS; waited += ASK_AGAIN_MS) {
      const found = await readBack(ask, (listener) => this.#onceLoaded(listener), ASK_AGAIN_MS);
      if (found !== undefined) return found;
      const sealed = await this.#cluster.find(this.#sealedPath(ref.name)).catch(() => applied);
      refuseOvertaken(sealed, applied);
      if (isUnsealed(sealed)) {
        const kept = seen();
        if (kept !== undefined) return kept;
      }
      const problem = unsealingProblem(sealed);
      // Its first word can be of a conflict after which it tries again.
      if (problem !== undefined && problem === problemBefore) this.#refuse(problem);
      problemBefore = problem;
    }
    this.#certificates.forget();
    throw unavailable(
      'The key is sealed and stored, but the sealed-secrets controller has not unsealed it yet: repeat this request.',
    );
  }

  #refuse(problem: string): never {
    this.#certificates.forget();
    throw unavailable(`The sealed-secrets controller did not unseal the key: ${problem}`);
  }

  /** Takes the key out of its SealedSecret, or that away when nothing is left; false when there is none. */
  async #unseal({ name, key }: KeyRef): Promise<boolean> {
    const path = this.#sealedPath(name);
    for (let attempt = 1; ; attempt += 1) {
      const existing = await this.#cluster.find(path);
      if (existing === undefined || !sealedKeys(existing).includes(key)) return false;
      const { uid, resourceVersion } = existing.metadata;
      try {
        if (sealedKeys(existing).length > 1) {
          const annotation = certificateAnnotation(key);
          const annotations = annotation === undefined ? {} : { [annotation]: null };
          const body = {
            metadata: { uid, resourceVersion, annotations },
            spec: { encryptedData: { [key]: null } },
          };
          await this.#cluster.request({ method: 'PATCH', path, body });
        } else {
          const body = { preconditions: { uid, resourceVersion } };
          await this.#cluster.request({ method: 'DELETE', path, body });
        }
        return true;
      } catch (error) {
        if (hasStatus(error, 404)) return true;
        if (!hasStatus(error, 409) || attempt === REMOVE_ATTEMPTS) throw error;
      }
    }
  }

  async #alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#writes.get(name) ?? Promise.resolve();
    const done = before.then(work, work);
    this.#writes.set(name, done);
    try {
      return await done;
    } finally {
      if (this.#writes.get(name) === done) this.#writes.delete(name);
    }
  }

  #secretPath(name: string): string {
    return pathOf(CORE_API, this.#namespace, 'secrets', name);
  }

  #sealedPath(name?: string): string {
    return pathOf(SEALED_SECRETS_API, this.#namespace, 'sealedsecrets', name);
  }

  #onceLoaded(listener: () => void): () => void {
    return this.#secrets.onceChanged(listener);
  }

  #load(): void {
    this.#ring.load(this.#secrets.values());
    this.#report.update(this.problems());
    for (const listener of this.#listeners) listener();
  }
}

function storedSecret({ metadata, data }: KubeObject): StoredSecret {
  const { name } = metadata;
  return readSecret({ data }, { name, source: `Secret/${name}`, changedAt: contentChangedAt(metadata) });
}

function refuseOvertaken(sealed: KubeObject | undefined, applied: KubeObject): asserts sealed is KubeObject {
  if (sealed === undefined) throw unavailable('Another request removed this key before it was read back.');
  if ((sealed.metadata.generation ?? 0) > (applied.metadata.generation ?? 0)) {
    throw unavailable('Another deposit replaced this key before it was read back.');
  }
}

/** As the API server keeps it for whoever last wrote `data`. */
function contentChangedAt({ managedFields = [], creationTimestamp }: KubeObject['metadata']): number {
  const times = managedFields
    .filter(({ fieldsV1 }) => fieldsV1?.['f:data'] !== undefined)
    .map(({ time }) => Date.parse(time ?? ''));
  return Math.max(Date.parse(creationTimestamp), ...times.filter(Number.isFinite));
}
