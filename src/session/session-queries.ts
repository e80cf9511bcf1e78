import type { Database } from '../database/database.ts';

/** What a session can be; `opening` and `active` hold a slot. */
export const SESSION_STATES = ['opening', 'active', 'released', 'expired', 'terminated', 'failed'] as const;
export type SessionState = (typeof SESSION_STATES)[number];

export interface SessionRow {
  id: string;
  project_hash: string;
  client: string | null;
  flow: 'vault' | 'commercial';
  /** As it is now: a lapsed lease reads as expired, also before that is written. */
  state: SessionState;
  model: string;
  voice: string | null;
  lease_expires_at: Date;
  ends_at: Date;
  opened_at: Date;
  ended_at: Date | null;
}

const FIELDS = 'id, project_hash, client, flow, model, voice, lease_expires_at, ends_at, opened_at, ended_at';
const COLUMNS = `${FIELDS},
  CASE WHEN state IN ('opening', 'active') AND lease_expires_at <= clock_timestamp() THEN 'expired' ELSE state END AS state`;

/** A lease token's session, or any session when no token is asked for. */
const READ = {
  name: 'session_read',
  text: `SELECT ${COLUMNS} FROM sessions WHERE id = $1 AND ($2::bytea IS NULL OR lease_token_hash = $2)`,
};

const RENEW = {
  name: 'session_renew',
  text: `UPDATE sessions
    SET lease_expires_at = least(date_trunc('second', clock_timestamp()) + make_interval(secs => lease_seconds), ends_at)
    WHERE id = $1 AND ($2::bytea IS NULL OR lease_token_hash = $2)
      AND state = 'active' AND lease_expires_at > clock_timestamp()
    RETURNING ${COLUMNS}`,
};

/** Ids begin with their time. $1 is the state, $2 the last id of the page before, $3 the page's size. */
const PAGE = 'state = $1 AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3';
/** Sessions that one page looks at for those of a state; the next page looks at as many more. */
const MAX_SCANNED = 10_000;
/** Sorts behind every id. */
const BEHIND_ALL = 'ses_z';
/**
 * By the primary key, the newest first, and no more of it than are needed or may be looked at. Without the inner bound all
 * would be read and sorted for each page: clock_timestamp() hides the page's size from the planner. The last that was looked
 * at is among the rows in any state.
 */
export const LIST = {
  name: 'session_list',
  text: `SELECT * FROM (SELECT ${COLUMNS}, row_number() OVER (ORDER BY id DESC)::integer AS place FROM sessions
      WHERE id < $2 ORDER BY id DESC LIMIT ${MAX_SCANNED}) s
    WHERE $1::text IS NULL OR state = $1 OR place = ${MAX_SCANNED} ORDER BY id DESC LIMIT $3`,
};
/** Those whose state is `opening` or `active` as it is now are among them, and they are few: an index has them alone. */
export const LIST_LIVE = {
  name: 'session_list_live',
  text: `SELECT * FROM (SELECT ${COLUMNS} FROM sessions
      WHERE state IN ('opening', 'active') AND ($4::text IS NULL OR project_hash = $4)) s WHERE ${PAGE}`,
};
/**
 * $1 is the project, $2 the last id of the page before, $3 the page's size. A range of both columns, and not one project,
 * is what the index of ended sessions alone is in order for: the primary key would be walked past everybody else's.
 */
export const LIST_NEWEST_OF_PROJECT = {
  name: 'session_list_newest_of_project',
  text: `SELECT * FROM (
      (SELECT ${COLUMNS} FROM sessions
        WHERE project_hash = $1 AND state IN ('opening', 'active') AND id < $2 ORDER BY id DESC LIMIT $3)
      UNION ALL
      (SELECT ${FIELDS}, state FROM sessions
        WHERE (project_hash, id) < ($1, $2) AND project_hash >= $1 AND ended_at IS NOT NULL
        ORDER BY project_hash DESC, id DESC LIMIT $3)
    ) both_kinds ORDER BY id DESC LIMIT $3`,
};

/** Of one state: the live and the ended ones, which have indexes of their own. */
const LIST_OF_PROJECT = {
  name: 'session_list_of_project',
  text: `SELECT * FROM (
      (SELECT * FROM (SELECT ${COLUMNS} FROM sessions
        WHERE project_hash = $4 AND state IN ('opening', 'active')) live WHERE ${PAGE})
      UNION ALL
      (SELECT * FROM (SELECT ${COLUMNS} FROM sessions
        WHERE project_hash = $4 AND ended_at IS NOT NULL) ended WHERE ${PAGE})
    ) both_kinds ORDER BY id DESC LIMIT $3`,
};

const LIVE_OF = {
  name: 'sessions_live_of',
  text: `SELECT id FROM sessions WHERE state IN ('opening', 'active') AND project_hash = $1
    AND ($2::text IS NULL OR client = $2) LIMIT $3`,
};

const ACTIVE_COUNTS = {
  name: 'sessions_active_counts',
  text: `SELECT project_hash, count(*)::integer AS active FROM sessions
    WHERE state IN ('opening', 'active') AND lease_expires_at > clock_timestamp() GROUP BY project_hash`,
};

export interface ListOptions {
  projectHash: string | undefined;
  state: string | undefined;
  /** The id of the last session of the page before. */
  after: string | undefined;
  limit: number;
}

export interface SessionPage {
  /** The newest first. There may be fewer than the limit, or none, and more on the next page. */
  sessions: SessionRow[];
  /** What the next page is after, if there may be one. */
  next: string | undefined;
}

/** Reads of sessions, and the renewal of a lease, which is no audited step. */
export class SessionQueries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async read(id: string, leaseTokenHash: Buffer | undefined): Promise<SessionRow | undefined> {
    const [row] = await this.#database.query<SessionRow>(READ, [id, leaseTokenHash ?? null]);
    return row;
  }

  /** Undefined when there is no such session or it holds no slot. */
  async renew(id: string, leaseTokenHash: Buffer | undefined): Promise<SessionRow | undefined> {
    const [row] = await this.#database.query<SessionRow>(RENEW, [id, leaseTokenHash ?? null]);
    return row;
  }

  async list({ projectHash, state, after, limit }: ListOptions): Promise<SessionPage> {
    const page = [state, after ?? null, limit + 1];
    if (state === 'opening' || state === 'active') {
      return pageOf(await this.#database.query<SessionRow>(LIST_LIVE, [...page, projectHash ?? null]), limit);
    }
    if (projectHash === undefined) return this.#listAll(state, after, limit);
    if (state !== undefined) {
      return pageOf(await this.#database.query<SessionRow>(LIST_OF_PROJECT, [...page, projectHash]), limit);
    }
    const newest = [projectHash, after ?? BEHIND_ALL, limit + 1];
    return pageOf(await this.#database.query<SessionRow>(LIST_NEWEST_OF_PROJECT, newest), limit);
  }

  async liveOf(projectHash: string, client: string | undefined, limit: number): Promise<string[]> {
    const rows = await this.#database.query<{ id: string }>(LIVE_OF, [projectHash, client ?? null, limit]);
    return rows.map(({ id }) => id);
  }

  async activeByProject(): Promise<Map<string, number>> {
    const rows = await this.#database.query<{ project_hash: string; active: number }>(ACTIVE_COUNTS);
    return new Map(rows.map((row) => [row.project_hash, row.active]));
  }

  async #listAll(state: string | undefined, after: string | undefined, limit: number): Promise<SessionPage> {
    const values = [state ?? null, after ?? BEHIND_ALL, limit + 1];
    const rows = await this.#database.query<SessionRow & { place: number }>(LIST, values);
    const edge = rows.find(({ place }) => place === MAX_SCANNED);
    const page = pageOf(
      rows.filter((row) => state === undefined || row.state === state),
      limit,
    );
    return { ...page, next: page.next ?? edge?.id };
  }
}

/** Of one row more than the limit, if there are as many. */
function pageOf(rows: SessionRow[], limit: number): SessionPage {
  const sessions = rows.slice(0, limit);
  return { sessions, next: rows.length > limit ? sessions.at(-1)?.id : undefined };
}
