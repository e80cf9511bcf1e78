import type { Clock } from '../common/clock.ts';
import type { SecretString } from '../common/secret-string.ts';
import type { ManifestProblem } from '../manifests/manifest.ts';
import { type KeyRef, ProjectKey } from './project-key.ts';
import type { StoredSecret } from './stored-secret.ts';

/** The keys of all Secrets that a store shows. A key that is malformed is a problem, and its last good version stays. */
export class KeyRing {
  readonly #clock: Clock;
  #keys = new Map<string, ProjectKey>();
  #problems = new Map<string, ManifestProblem>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(ref: KeyRef): ProjectKey | undefined {
    return this.#keys.get(address(ref));
  }

  problems(): ManifestProblem[] {
    return [...this.#problems.values()];
  }

  /** What is wrong with this key, or with all of its Secret. */
  problemOf({ name, key }: KeyRef): ManifestProblem | undefined {
    return this.#problems.get(address({ name, key })) ?? this.#problems.get(address({ name, key: '' }));
  }

  /** Takes what the store holds now in place of what it held before. */
  load(secrets: Iterable<StoredSecret>): void {
    const keys = new Map<string, ProjectKey>();
    this.#problems = new Map();
    for (const secret of secrets) {
      for (const [at, key] of this.#keptOfMalformed(secret)) keys.set(at, key);
      for (const [key, { value, field }] of secret.entries) {
        const at = address({ name: secret.name, key });
        const found = value && this.#version(at, value, secret.changedAt);
        const kept = found ?? this.#keepLastGood(at, secret.source, `/${field}/${key}`);
        if (kept !== undefined) keys.set(at, kept);
      }
    }
    this.#keys = keys;
  }

  #version(at: string, secret: SecretString, changedAt: number): ProjectKey {
    const known = this.#keys.get(at);
    if (known?.isOf(secret) === true) return known;
    return new ProjectKey(secret, this.#clock.now(), changedAt);
  }

  #keepLastGood(at: string, source: string, field: string): ProjectKey | undefined {
    this.#problems.set(at, {
      source,
      field,
      message:
        'must be base64 (or text under stringData) of 8 to 512 printable ASCII characters without spaces',
    });
    return this.#keys.get(at);
  }

  /** All keys of a Secret whose `data` or `stringData` is none: there is no telling which of them it still holds. */
  #keptOfMalformed({ malformed, source, name }: StoredSecret): [string, ProjectKey][] {
    const prefix = address({ name, key: '' });
    for (const field of malformed) {
      this.#problems.set(prefix, { source, field: `/${field}`, message: 'must be an object' });
    }
    return malformed.length === 0 ? [] : [...this.#keys].filter(([at]) => at.startsWith(prefix));
  }
}

function address({ name, key }: KeyRef): string {
  return `${name}/${key}`;
}
