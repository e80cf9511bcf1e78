import type { Installation } from '../database/installation.ts';
import type { SessionQueries } from './session-queries.ts';

/** How many sessions of a project hold a slot. */
export type ActiveSessionsOf = (projectId: string) => number;

/** How many sessions hold a slot, by the database, for who knows projects by their id. */
export class ActiveSessions {
  readonly #queries: SessionQueries;
  readonly #installation: Installation;

  constructor(queries: SessionQueries, installation: Installation) {
    this.#queries = queries;
    this.#installation = installation;
  }

  /** Undefined while the database is away, which hides nothing else. */
  async count(): Promise<ActiveSessionsOf | undefined> {
    try {
      const active = await this.#queries.activeByProject();
      return (projectId) => active.get(this.#installation.projectHash(projectId)) ?? 0;
    } catch {
      return undefined;
    }
  }
}
