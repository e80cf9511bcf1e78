import { createHmac, randomBytes } from 'node:crypto';
import { unavailable } from '../common/app-error.ts';
import { memo } from '../common/memo.ts';
import type { Database } from './database.ts';

const MAX_KEPT_PSEUDONYMS = 10_000;

const CLAIM = {
  name: 'installation_claim',
  text: 'INSERT INTO installation (namespace, pseudonym_key) VALUES ($1, $2) ON CONFLICT DO NOTHING',
};
const READ = { name: 'installation_read', text: 'SELECT namespace, pseudonym_key FROM installation' };

/** The namespace whose installation has this database; undefined as long as nobody served on it. */
export async function installedNamespace(database: Database): Promise<string | undefined> {
  const [row] = await database.query<{ namespace: string }>(READ);
  return row?.namespace;
}

/** A database serves one installation: another namespace is refused. */
export class ForeignDatabaseError extends Error {}

/** What this installation keeps in its database for good: its name, and the key of its pseudonyms. */
export class Installation {
  #pseudonymOf: ((text: string) => string) | undefined;

  get loaded(): boolean {
    return this.#pseudonymOf !== undefined;
  }

  /** Claims a new database for the namespace, or checks that an old one is its own. */
  async load(database: Database, namespace: string): Promise<void> {
    await database.query(CLAIM, [namespace, randomBytes(32)]);
    const [row] = await database.query<{ namespace: string; pseudonym_key: Buffer }>(READ);
    if (row?.namespace !== namespace) {
      throw new ForeignDatabaseError(
        'this database belongs to an installation with another VESTIBULE_NAMESPACE',
      );
    }
    const key = row.pseudonym_key;
    this.#pseudonymOf = memo(MAX_KEPT_PSEUDONYMS, (text) =>
      createHmac('sha256', key).update(text).digest('hex').slice(0, 32),
    );
  }

  /** The keyed pseudonym under which database rows know a project: 32 hex digits, the same everywhere, for ever. */
  projectHash(projectId: string): string {
    return this.pseudonym('project', projectId);
  }

  pseudonym(kind: string, name: string): string {
    if (this.#pseudonymOf === undefined) throw unavailable('The service cannot reach its database.');
    return this.#pseudonymOf(`${kind}\0${name}`);
  }
}
