import { SecretString } from '../../src/common/secret-string.ts';
import type { ManifestProblem } from '../../src/manifests/manifest.ts';
import { type KeyRef, ProjectKey } from '../../src/vault/project-key.ts';
import { type MissingKey, Vault } from '../../src/vault/vault.ts';

/** A vault of keys that a test lays down, and that says why one is missing as the test wants it. */
export class MemoryVault extends Vault {
  /** For which keys it was asked why they are missing. */
  readonly asked: string[] = [];
  answer: MissingKey | Error = { reason: 'KeyMissing', message: 'there is none' };
  override readonly loaded = Promise.resolve();
  readonly #keys = new Map<string, ProjectKey>();
  #listeners: (() => void)[] = [];

  lay(ref: KeyRef, text: string, at = 0): ProjectKey {
    const key = new ProjectKey(new SecretString(text), at, at);
    this.#keys.set(idOf(ref), key);
    this.#tell();
    return key;
  }

  override explainMissing(ref: KeyRef): Promise<MissingKey> {
    this.asked.push(idOf(ref));
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
  }
  override start(): Promise<void> {
    return Promise.resolve();
  }
  override stop(): void {
    this.#listeners = [];
  }
  override find(ref: KeyRef): ProjectKey | undefined {
    return this.#keys.get(idOf(ref));
  }
  override holds(secretName: string): Promise<boolean> {
    return Promise.resolve([...this.#keys.keys()].some((id) => id.startsWith(`${secretName}/`)));
  }
  override checkWritable(): Promise<void> {
    return Promise.resolve();
  }
  override put(ref: KeyRef, secret: SecretString): Promise<ProjectKey> {
    return Promise.resolve(this.lay(ref, secret.reveal()));
  }
  override remove(ref: KeyRef): Promise<void> {
    this.#keys.delete(idOf(ref));
    this.#tell();
    return Promise.resolve();
  }
  override currentAt(): number {
    return 0;
  }
  override problems(): ManifestProblem[] {
    return [];
  }
  override problemOf(): ManifestProblem | undefined {
    return undefined;
  }
  override onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function idOf({ name, key }: KeyRef): string {
  return `${name}/${key}`;
}
