import { isRecord } from '../common/json.ts';
import { SecretString } from '../common/secret-string.ts';
import { keyProblem } from './vault.ts';

/** `stringData` wins, as in Kubernetes. */
export const SECRET_FIELDS = ['data', 'stringData'] as const;
type SecretField = (typeof SECRET_FIELDS)[number];

export interface SecretEntry {
  /** Undefined for one that cannot be a key. */
  value: SecretString | undefined;
  field: SecretField;
}

/** A Secret as a store shows it, with its content behind `SecretString`. */
export interface StoredSecret {
  name: string;
  /** Where it was read, as problems name it. */
  source: string;
  /** Milliseconds since the epoch: when its content was last written. */
  changedAt: number;
  entries: ReadonlyMap<string, SecretEntry>;
  /** Fields that are there and are no objects. */
  malformed: readonly SecretField[];
}

export function readSecret(
  document: Record<string, unknown>,
  about: Pick<StoredSecret, 'name' | 'source' | 'changedAt'>,
): StoredSecret {
  const entries = new Map<string, SecretEntry>();
  const malformed: SecretField[] = [];
  for (const field of SECRET_FIELDS) {
    const values = document[field] ?? {};
    if (!isRecord(values)) {
      malformed.push(field);
      continue;
    }
    for (const [key, value] of Object.entries(values)) {
      entries.set(key, { field, value: keyOf(field === 'data' ? decode(value) : plain(value)) });
    }
  }
  return { ...about, entries, malformed };
}

function keyOf(text: string | undefined): SecretString | undefined {
  return text === undefined || keyProblem(text) !== undefined ? undefined : new SecretString(text);
}

function plain(value: unknown): string | undefined {
  return typeof value === 'string' ? value.trim() : undefined;
}

function decode(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value)) return undefined;
  return Buffer.from(value, 'base64').toString('utf8').trim();
}
