import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { SecretString } from '../common/secret-string.ts';
import { unavailable } from '../common/app-error.ts';
import { isRecord } from '../common/json.ts';
import type { Manifest, ManifestProblem } from '../directory/manifest.ts';
import type { ManifestDirectory } from '../directory/manifest-directory.ts';
import { ProblemReport } from '../directory/problem-report.ts';
import { type KeyRef, ProjectKey } from './project-key.ts';
import { keyProblem, Vault } from './vault.ts';

/** Keys in Secret manifests of a directory, `data` (base64) or `stringData`; for one machine. */
export class DirectoryVault extends Vault {
  readonly #directory: ManifestDirectory;
  readonly #clock: Clock;
  readonly #report: ProblemReport;
  #keys = new Map<string, ProjectKey>();
  #problems: ManifestProblem[] = [];
  #listeners: (() => void)[] = [];

  constructor(directory: ManifestDirectory, clock: Clock, logger: Logger) {
    super();
    this.#directory = directory;
    this.#clock = clock;
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

  override currentAt(): number {
    return this.#directory.currentAt;
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
      for (const [at, key] of this.#keptOfMalformed(manifest)) keys.set(at, key);
      for (const [key, { text, field }] of entries(manifest.document)) {
        const at = address({ name: manifest.name, key });
        const found =
          this.#version(at, text, manifest.modifiedAt) ??
          this.#keepLastGood(at, manifest.source, `/${field}/${key}`);
        if (found !== undefined) keys.set(at, found);
      }
    }
    this.#keys = keys;
    this.#report.update(this.#problems);
    for (const listener of this.#listeners) listener();
  }

  #version(at: string, text: string | undefined, changedAt: number): ProjectKey | undefined {
    if (text === undefined || keyProblem(text) !== undefined) return undefined;
    const secret = new SecretString(text);
    const known = this.#keys.get(at);
    if (known?.fingerprint === secret.fingerprint()) return known;
    return new ProjectKey(secret, this.#clock.now(), changedAt);
  }

  #keepLastGood(at: string, source: string, field: string): ProjectKey | undefined {
    this.#problems.push({
      source,
      field,
      message:
        'must be base64 (or text under stringData) of 8 to 512 printable ASCII characters without spaces',
    });
    return this.#keys.get(at);
  }

  /** All keys of a Secret whose `data` or `stringData` is none: there is no telling which of them it still holds. */
  #keptOfMalformed({ document, source, name }: Manifest): [string, ProjectKey][] {
    const malformed = FIELDS.filter(
      (field) => (document[field] ?? null) !== null && !isRecord(document[field]),
    );
    for (const field of malformed) {
      this.#problems.push({ source, field: `/${field}`, message: 'must be an object' });
    }
    const prefix = address({ name, key: '' });
    return malformed.length === 0 ? [] : [...this.#keys].filter(([at]) => at.startsWith(prefix));
  }
}

/** `stringData` wins, as in Kubernetes. */
const FIELDS = ['data', 'stringData'] as const;

interface Entry {
  /** Undefined for one that cannot be decoded. */
  text: string | undefined;
  field: (typeof FIELDS)[number];
}

function address({ name, key }: KeyRef): string {
  return `${name}/${key}`;
}

function without(key: string): { path: string[]; value: undefined }[] {
  return FIELDS.map((field) => ({ path: [field, key], value: undefined }));
}

function entries(document: Record<string, unknown>): Map<string, Entry> {
  const result = new Map<string, Entry>();
  for (const field of FIELDS) {
    const values = document[field];
    if (!isRecord(values)) continue;
    for (const [key, value] of Object.entries(values)) {
      result.set(key, { field, text: field === 'data' ? decode(value) : plain(value) });
    }
  }
  return result;
}

function plain(value: unknown): string | undefined {
  return typeof value === 'string' ? value.trim() : undefined;
}

function decode(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value)) return undefined;
  return Buffer.from(value, 'base64').toString('utf8').trim();
}
