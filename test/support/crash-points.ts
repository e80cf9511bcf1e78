import pg from 'pg';
import type { Replica, Scene, Theatre } from './scenes.ts';
import type { Answer } from './stack.ts';
import { until } from './until.ts';

export interface Point {
  name: string;
  /** Brings a process to the point and leaves it there; with it dies what it has not sent. */
  reach: (play: Play) => Promise<void>;
  /** Requests that the provider got of it, secrets that it handed out, sessions that the database has. */
  leaves: { requests: number; mints: number; rows: number };
}

/** A process that will be killed, in a project of its own. */
export interface Play {
  theatre: Theatre;
  scene: Scene;
  victim: Replica;
  /** What clients were given before the kill. */
  answers: Answer[];
  /** Gives back what a statement waits for, and waits for its end. */
  unlock: (() => Promise<void>)[];
}

const NOTHING = { requests: 0, mints: 0, rows: 0 };
const RESERVED = { requests: 0, mints: 0, rows: 1 };
const MINTED = { requests: 1, mints: 1, rows: 1 };

const heldStatement =
  (where: 'before' | 'after', statement: string) =>
  async ({ victim, scene }: Play): Promise<void> => {
    const hold = victim.database.hold(where, statement);
    victim.begin(scene);
    await hold.reached;
  };

async function opened({ victim, scene, answers }: Play): Promise<Answer['json']> {
  const answer = await victim.open(scene);
  expect(answer.status).toBe(200);
  answers.push(answer);
  return answer.json;
}

/** A step of a session that is open, kept back at a statement. */
const heldStep =
  (where: 'before' | 'after', statement: string, method: string, route = '') =>
  async (play: Play): Promise<void> => {
    const { session_id: id, lease_token: token } = await opened(play);
    const hold = play.victim.database.hold(where, statement);
    const headers = { authorization: `Bearer ${token}` };
    play.victim.request(`/session/${id}${route}`, { method, headers }).catch(() => undefined);
    await hold.reached;
  };

const heldTermination =
  (where: 'before' | 'after') =>
  async (play: Play): Promise<void> => {
    const { session_id: id } = await opened(play);
    const hold = play.victim.database.hold(where, 'end_sessions');
    const headers = { 'x-admin-api-key': play.theatre.stack.adminKey };
    play.victim.request(`/sessions/${id}`, { method: 'DELETE', headers }).catch(() => undefined);
    await hold.reached;
  };

const heldRejection =
  (where: 'before' | 'after') =>
  async ({ victim }: Play): Promise<void> => {
    const hold = victim.database.hold(where, 'audit_append');
    expect((await victim.request('/session', { body: { project_id: 'proj_unknown' } })).status).toBe(401);
    // rows are written once their minute is over
    victim.service.kill('SIGUSR2');
    await hold.reached;
  };

/** Holds a row that an SQL function needs, until the server waits in the middle of it. */
async function lockedAt(play: Play, called: string, lock: string, begin: () => void): Promise<void> {
  const { database } = play.theatre.stack;
  const client = new pg.Client({ connectionString: database.superuserUrl });
  await client.connect();
  await client.query('BEGIN');
  expect((await client.query(lock, [play.scene.fingerprint])).rowCount).toBe(1);
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  begin();
  const waiting = await until(`${called} waits for a lock`, async () => {
    const found = await database.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE query LIKE '%' || $1 || '%' AND $2 = ANY (pg_blocking_pids(pid))`,
      [called, rows[0]!.pid],
    );
    return found[0]?.pid;
  });
  play.unlock.push(async () => {
    await client.end();
    await until(`${called} ends`, async () => {
      const running = await database.query('SELECT FROM pg_stat_activity WHERE pid = $1', [waiting]);
      return running.length === 0;
    });
  });
}

/** From the first statement to what comes after the answer, in the order of the walk. */
export const POINTS: Point[] = [
  { name: 'before it reserves', reach: heldStatement('before', 'reserve_sessions'), leaves: NOTHING },
  {
    name: 'while the reservation is not committed',
    reach: async (play) => {
      const { stack } = play.theatre;
      const first = await stack.request('/session', { body: { project_id: play.scene.projectId } });
      await stack.admin(`/sessions/${first.json.session_id}`, { method: 'DELETE' });
      const lock = `SELECT FROM project_slots WHERE project_hash =
        (SELECT project_hash FROM sessions WHERE key_fingerprint = $1 LIMIT 1) FOR UPDATE`;
      await lockedAt(play, 'open_sessions', lock, () => {
        play.victim.begin(play.scene);
      });
    },
    // the server goes on with it; and there is the session that was opened before
    leaves: { requests: 1, mints: 1, rows: 2 },
  },
  {
    name: 'before it hears of the reservation',
    reach: heldStatement('after', 'reserve_sessions'),
    leaves: RESERVED,
  },
  {
    name: 'before it mints',
    reach: async ({ victim, scene }) => {
      const hold = scene.provider.hold('before', 'request');
      victim.begin(scene);
      await hold.reached;
    },
    leaves: RESERVED,
  },
  {
    name: 'before it hears of the mint',
    reach: async ({ victim, scene }) => {
      const hold = scene.provider.hold('after', 'answer');
      victim.begin(scene);
      await hold.reached;
    },
    leaves: MINTED,
  },
  { name: 'before it activates', reach: heldStatement('before', 'activate_sessions'), leaves: MINTED },
  {
    name: 'while the activation is not committed',
    reach: async (play) => {
      const hold = play.scene.provider.hold('after', 'answer');
      play.victim.begin(play.scene);
      await hold.reached;
      const lock = 'SELECT FROM sessions WHERE key_fingerprint = $1 FOR UPDATE';
      await lockedAt(play, 'open_sessions', lock, () => {
        hold.pass();
      });
    },
    leaves: MINTED,
  },
  {
    name: 'before it hears of the activation',
    reach: heldStatement('after', 'activate_sessions'),
    leaves: MINTED,
  },
  {
    name: 'after its answer',
    reach: async (play) => {
      await opened(play);
    },
    leaves: MINTED,
  },
  {
    name: 'before it renews',
    reach: heldStep('before', 'session_renew', 'POST', '/heartbeat'),
    leaves: MINTED,
  },
  {
    name: 'before it hears of the renewal',
    reach: heldStep('after', 'session_renew', 'POST', '/heartbeat'),
    leaves: MINTED,
  },
  { name: 'before it releases', reach: heldStep('before', 'end_sessions', 'DELETE'), leaves: MINTED },
  {
    name: 'before it hears of the release',
    reach: heldStep('after', 'end_sessions', 'DELETE'),
    leaves: MINTED,
  },
  { name: 'before it terminates', reach: heldTermination('before'), leaves: MINTED },
  { name: 'before it hears of the termination', reach: heldTermination('after'), leaves: MINTED },
  { name: 'before it records a refusal', reach: heldRejection('before'), leaves: NOTHING },
  { name: 'before it hears of a recorded refusal', reach: heldRejection('after'), leaves: NOTHING },
];
