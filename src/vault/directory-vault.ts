import type { Clock } from '../common/clock.ts';
import { SecretString } from '../common/secret-string.ts';
import { unavailable } from '../common/app-error.ts';
import { isRecord } from '../common/json.ts';
import type { Manifest, ManifestProblem } from '../directory/manifest.ts';
import type { ManifestDirectory } from '../directory/manifest-directory.ts';
import { type KeyRef, ProjectKey } from './project-key.ts';
import { keyProblem, Vault } from './vault.ts';

/** Keys in Secret manifests of a directory, `data` (base64) or `stringData`; for one machine. */
export class DirectoryVault extends Vault {
  readonly #directory: ManifestDirectory;
  readonly #clock: Clock;
  #keys = new Map<string, ProjectKey>();
  #problems: ManifestProblem[] = [];
  #listeners: (() => void)[] = [];

  constructor(directory: ManifestDirectory, clock: Clock) {
    super();
    this.#directory = directory;
    this.#clock = clock;
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
    return this.#keys.get(address(ref));
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
    const manifest = this.#directory.list('Secret').find(({ name }) => name === ref.name);
    if (manifest === undefined) return;
    const id = { kind: 'Secret', name: ref.name } as const;
    const others = [...entries(manifest.document).keys()].filter((key) => key !== ref.key);
    try {
      if (others.length === 0) await this.#directory.remove(id);
      else await this.#directory.apply(id, without(ref.key), {});
    } catch (error) {
      throw unavailable('The vault could not remove the key.', error);
    }
    if (this.find(ref) !== undefined) throw unavailable('The vault still returns the key that was removed.');
  }

  override problems(): ManifestProblem[] {
    return this.#problems;
  }

  override onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #load(): void {
    const keys = new Map<string, ProjectKey>();
    this.#problems = [];
    for (const manifest of this.#directory.list('Secret')) {
      for (const [key, text] of entries(manifest.document)) {
        const at = address({ name: manifest.name, key });
        const found = this.#version(at, text) ?? this.#keepLastGood(at, manifest, key);
        if (found !== undefined) keys.set(at, found);
      }
    }
    this.#keys = keys;
    for (const listener of this.#listeners) listener();
  }

  #version(at: string, text: string | undefined): ProjectKey | undefined {
    if (text === undefined || keyProblem(text) !== undefined) return undefined;
    const secret = new SecretString(text);
    const known = this.#keys.get(at);
    return known?.fingerprint === secret.fingerprint() ? known : new ProjectKey(secret, this.#clock.now());
  }

  #keepLastGood(at: string, manifest: Manifest, key: string): ProjectKey | undefined {
    this.#problems.push({
      source: manifest.source,
      field: `/data/${key}`,
      message:
        'must be base64 (or text under stringData) of 8 to 512 printable ASCII characters without spaces',
    });
    return this.#keys.get(at);
  }
}

function address({ name, key }: KeyRef): string {
  return `${name}/${key}`;
}

function without(key: string): { path: string[]; value: undefined }[] {
  return ['data', 'stringData'].map((field) => ({ path: [field, key], value: undefined }));
}

/** The Secret's entries as text; undefined for one that cannot be decoded. `stringData` wins, as in Kubernetes. */
function entries(document: Record<string, unknown>): Map<string, string | undefined> {
  const result = new Map<string, string | undefined>();
  const { data, stringData } = document;
  if (isRecord(data)) for (const [key, value] of Object.entries(data)) result.set(key, decode(value));
  if (isRecord(stringData)) {
    for (const [key, value] of Object.entries(stringData)) {
      result.set(key, typeof value === 'string' ? value.trim() : undefined);
    }
  }
  return result;
}

function decode(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value)) return undefined;
  return Buffer.from(value, 'base64').toString('utf8').trim();
}
