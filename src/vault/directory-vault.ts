import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import type { SecretString } from '../common/secret-string.ts';
import { unavailable } from '../common/app-error.ts';
import type { ManifestDirectory } from '../directory/manifest-directory.ts';
import type { Manifest, ManifestProblem } from '../manifests/manifest.ts';
import { ProblemReport } from '../manifests/problem-report.ts';
import { KeyRing } from './key-ring.ts';
import type { KeyRef, ProjectKey } from './project-key.ts';
import { readSecret, SECRET_FIELDS, type StoredSecret } from './stored-secret.ts';
import { type MissingKey, Vault } from './vault.ts';

/** Keys in Secret manifests of a directory, `data` (base64) or `stringData`; for one machine. */
export class DirectoryVault extends Vault {
  readonly #directory: ManifestDirectory;
  readonly #ring: KeyRing;
  readonly #report: ProblemReport;
  override readonly loaded = Promise.resolve();
  #listeners: (() => void)[] = [];

  constructor(directory: ManifestDirectory, clock: Clock, logger: Logger) {
    super();
    this.#directory = directory;
    this.#ring = new KeyRing(clock);
    this.#report = new ProblemReport(logger);
  }

  override async start(): Promise<void> {
    this.#directory.onChange(() => {
      this.#load();
    });
    this.#load();
    return Promise.resolve();
  }

  override stop(): void {
    this.#listeners = [];
  }

  override find(ref: KeyRef): ProjectKey | undefined {
    return this.#ring.find(ref);
  }

  override async holds(secretName: string): Promise<boolean> {
    return Promise.resolve(this.#secret(secretName) !== undefined);
  }

  override async checkWritable(): Promise<void> {
    return Promise.resolve();
  }

  override async put(ref: KeyRef, secret: SecretString): Promise<ProjectKey> {
    const encoded = Buffer.from(secret.reveal(), 'utf8').toString('base64');
    try {
      await this.#directory.apply(
        { kind: 'Secret', name: ref.name },
        [
          { path: ['data', ref.key], value: encoded },
          { path: ['stringData', ref.key], value: undefined },
        ],
        { type: 'Opaque', data: { [ref.key]: encoded } },
      );
    } catch (error) {
      throw unavailable('The vault could not store the key.', error);
    }
    const stored = this.find(ref);
    if (stored?.fingerprint !== secret.fingerprint()) {
      throw unavailable('The vault does not return the key that was deposited.');
    }
    return stored;
  }

  override async remove(ref: KeyRef): Promise<void> {
    const manifest = this.#secret(ref.name);
    if (manifest === undefined) return;
    const id = { kind: 'Secret', name: ref.name } as const;
    const others = [...stored(manifest).entries.keys()].filter((key) => key !== ref.key);
    try {
      if (others.length === 0) await this.#directory.remove(id);
      else await this.#directory.edit(id, without(ref.key));
    } catch (error) {
      throw unavailable('The vault could not remove the key.', error);
    }
    if (this.find(ref) !== undefined) throw unavailable('The vault still returns the key that was removed.');
  }

  override async explainMissing(): Promise<MissingKey> {
    return Promise.resolve({ reason: 'KeyMissing', message: 'VESTIBULE_DIR holds no such key' });
  }

  override currentAt(): number {
    return this.#directory.currentAt();
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

  #secret(name: string): Manifest | undefined {
    return this.#directory.list('Secret').find((manifest) => manifest.name === name);
  }

  #load(): void {
    this.#ring.load(this.#directory.list('Secret').map(stored));
    this.#report.update(this.problems());
    for (const listener of this.#listeners) listener();
  }
}

function stored({ document, name, source, modifiedAt }: Manifest): StoredSecret {
  return readSecret(document, { name, source, changedAt: modifiedAt });
}

function without(key: string): { path: string[]; value: undefined }[] {
  return SECRET_FIELDS.map((field) => ({ path: [field, key], value: undefined }));
}
