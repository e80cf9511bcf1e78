import type { Database, Statement } from '../../src/database/database.ts';

interface Waiting {
  statement: string;
  answer: () => void;
}

/** A database as far as it is asked for the keys that providers rejected. */
export class RejectionsDatabase {
  readonly rejected = new Set<string>();
  /** By name, in the order in which they were sent. */
  readonly statements: string[] = [];
  /** Statements that wait for the test to have them answered; undefined where none has to. */
  held: Waiting[] | undefined;
  away = false;

  get database(): Database {
    return this as unknown as Database;
  }

  countOf(statement: string): number {
    return this.statements.filter((one) => one === statement).length;
  }

  /** What it answers is what held when it was asked; what it writes is there once it has answered. */
  async query({ name }: Statement, [fingerprint]: string[] = []): Promise<{ key_fingerprint: string }[]> {
    this.statements.push(name);
    const rows = [...this.rejected].map((key_fingerprint) => ({ key_fingerprint }));
    const { held } = this;
    if (held !== undefined) {
      await new Promise<void>((answer) => {
        held.push({ statement: name, answer });
      });
    }
    if (this.away) throw new Error('the database is away');
    if (fingerprint === undefined) return rows;
    if (name === REJECT) this.rejected.add(fingerprint);
    else this.rejected.delete(fingerprint);
    return [];
  }
}

export const LIST = 'key_rejections_list';
export const REJECT = 'key_rejections_reject';
export const ACCEPT = 'key_rejections_accept';
