import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { open } from '../support/raw-http.ts';
import { addReplica, type Replica, type Scene, startTheatre, type Theatre } from '../support/scenes.ts';
import { eventsOf } from '../support/session-records.ts';
import { until } from '../support/until.ts';

const LEASE_S = 15;
const QUOTA = 1_000;
/** Hang-ups at random moments of a request, beside those at each step. */
const RANDOM_HANG_UPS = 120;
const CLIENTS = 4;
/** Longer than an undisturbed request takes. */
const LONGEST_MS = 30;
const SEED = Number(process.env['HANG_UPS_SEED'] ?? 1 + Math.floor(Math.random() * 2 ** 30));

interface Step {
  name: string;
  /** Brings a request to the step; the client hangs up when it resolves, and then `go` lets it go on. */
  reach: (replica: Replica, scene: Scene) => { reached: Promise<void>; go: () => void };
  /** Whether the provider handed out a secret that the service has heard of, which counts against the quota. */
  minted: boolean;
}

const statement =
  (where: 'before' | 'after', name: string): Step['reach'] =>
  ({ database }) => {
    const { reached, pass } = database.hold(where, name);
    return { reached, go: pass };
  };
const provider =
  (where: 'before' | 'after', label: string): Step['reach'] =>
  (_replica, scene) => {
    const { reached } = scene.provider.hold(where, label);
    // The service gives up a mint that nobody waits for, and its connection with it.
    return { reached, go: () => undefined };
  };

const STEPS: Step[] = [
  { name: 'before the reservation is sent', reach: statement('before', 'reserve_sessions'), minted: false },
  {
    name: 'before the reservation is heard of',
    reach: statement('after', 'reserve_sessions'),
    minted: false,
  },
  { name: 'before the provider is asked', reach: provider('before', 'request'), minted: false },
  { name: 'before the provider’s answer is heard', reach: provider('after', 'answer'), minted: false },
  { name: 'before the activation is sent', reach: statement('before', 'activate_sessions'), minted: true },
  { name: 'before the activation is heard of', reach: statement('after', 'activate_sessions'), minted: true },
];

interface SessionRow {
  id: string;
  state: string;
}

describe('a client that hangs up', () => {
  let theatre: Theatre;
  let replica: Replica;

  beforeAll(async () => {
    theatre = await startTheatre(['unfinished', 'repeated', ...STEPS.map(({ name }) => name)], {
      session: { maxConcurrent: 1, secretTtlSeconds: 10, leaseSeconds: LEASE_S },
      limits: { sessionsPerMonth: QUOTA },
    });
    replica = await addReplica(theatre.stack);
  });
  afterAll(async () => {
    await theatre.stop();
    await replica.database.stop();
  });

  const usedOf = async ({ fingerprint }: Scene): Promise<number> => {
    const [row] = await theatre.stack.database.query<{ used: number }>(
      `SELECT coalesce(sum(used), 0)::integer AS used FROM quotas
       WHERE subject IN (SELECT quota_subject FROM sessions WHERE key_fingerprint = $1)`,
      [fingerprint],
    );
    return row!.used;
  };

  it.each(STEPS)(
    '$name leaves no slot, one session_error, and its quota',
    async ({ name, reach, minted }) => {
      const scene = theatre.scenes.get(name)!;
      const { reached, go } = reach(replica, scene);
      const socket = await send(replica, requestOf(scene));
      await reached;
      await hangUp(socket);
      // What comes later is answered later: the service has seen it.
      await replica.request('/health');
      go();
      const session = await until('the session has ended', async () =>
        (await sessionsOf(theatre, scene)).find((one) => !isLive(one)),
      );
      expect(await errorsOf(theatre, session.id)).toEqual([{ code: 'client_closed' }]);
      expect(await usedOf(scene)).toBe(minted ? 1 : 0);
      // the only slot
      expect((await replica.open(scene)).status).toBe(200);
      expect(await errorsOf(theatre, session.id)).toHaveLength(1);
    },
  );

  it('and was given the answer to its Idempotency-Key again keeps that session', async () => {
    const scene = theatre.scenes.get('repeated')!;
    const idempotencyKey = randomUUID();
    const { reached, pass } = replica.database.hold('after', 'activate_sessions');
    const socket = await send(replica, requestOf(scene, { 'idempotency-key': idempotencyKey }));
    await reached;
    await hangUp(socket);
    await replica.request('/health');
    const again = await theatre.stack.request('/session', {
      body: { project_id: scene.projectId },
      headers: { 'idempotency-key': idempotencyKey },
    });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    const ending = replica.database.hold('after', 'end_sessions');
    pass();
    await ending.reached;
    ending.pass();
    expect(await sessionsOf(theatre, scene)).toEqual([{ id: again.json.session_id, state: 'active' }]);
    expect(await errorsOf(theatre, again.json.session_id as string)).toEqual([]);
    // the only slot
    expect((await replica.open(scene)).status).toBe(429);
    const path = `/session/${again.json.session_id}`;
    const headers = { authorization: `Bearer ${again.json.lease_token}` };
    expect((await replica.request(path, { method: 'DELETE', headers })).status).toBe(204);
    expect((await replica.open(scene)).status).toBe(200);
  });

  it('before its request is whole, takes nothing', async () => {
    const scene = theatre.scenes.get('unfinished')!;
    const text = requestOf(scene);
    const headersEnd = text.indexOf('\r\n\r\n') + 4;
    for (const length of [1, 20, headersEnd - 2, headersEnd, headersEnd + 3, text.length - 1]) {
      await hangUp(await send(replica, text.slice(0, length)));
    }
    expect((await replica.open(scene)).status).toBe(200);
    expect(await sessionsOf(theatre, scene)).toHaveLength(1);
    expect(await usedOf(scene)).toBe(1);
  });
});

describe('clients that hang up at any moment', () => {
  let theatre: Theatre;
  let replica: Replica;

  beforeAll(async () => {
    theatre = await startTheatre(['any'], { session: { maxConcurrent: 1_000 } });
    replica = await addReplica(theatre.stack);
  });
  afterAll(async () => {
    await theatre.stop();
    await replica.database.stop();
  });

  /** What the service says of each request for a session that has ended. */
  const logged = (): number[] =>
    replica.service.output
      .filter((line) => line.includes('"msg":"request"') && line.includes('"route":"/session"'))
      .map((line) => (JSON.parse(line) as { status: number }).status);

  it(`leave as many sessions as answers were handed on (seed ${SEED})`, async () => {
    const scene = theatre.scenes.get('any')!;
    let seed = SEED;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const client = async (): Promise<void> => {
      for (let count = 0; count < RANDOM_HANG_UPS / CLIENTS; count += 1) {
        const socket = await send(replica, requestOf(scene));
        await new Promise((resolve) => setTimeout(resolve, random() * LONGEST_MS));
        await hangUp(socket);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    const sessions = await until('all have ended', async () => {
      const rows = await sessionsOf(theatre, scene);
      const open = rows.some(({ state }) => state === 'opening');
      return !open && rows.length > 0 && logged().length >= rows.length && rows;
    });
    const answered = await until('the others’ slots are free', async () => {
      const live = (await sessionsOf(theatre, scene)).filter(isLive).length;
      // the log comes a moment later than what it tells
      return live === logged().filter((status) => status === 200).length && { live };
    });
    expect(answered.live).toBeLessThan(sessions.length);
    for (const { id, state } of sessions.filter((session) => !isLive(session))) {
      const errors = await errorsOf(theatre, id);
      expect([state, errors]).toEqual([
        expect.stringMatching(/failed|released/),
        [{ code: 'client_closed' }],
      ]);
    }
  });
});

function requestOf({ projectId }: Scene, headers: Record<string, string> = {}): string {
  const body = JSON.stringify({ project_id: projectId });
  return [
    'POST /session HTTP/1.1',
    'host: 127.0.0.1',
    'content-type: application/json',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

async function send({ service }: Replica, text: string): Promise<Socket> {
  const { socket } = await open(service.url);
  socket.write(text);
  return socket;
}

async function hangUp(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  socket.destroy();
  await once(socket, 'close');
}

function sessionsOf({ stack }: Theatre, { fingerprint }: Scene): Promise<SessionRow[]> {
  return stack.database.query<SessionRow & Record<string, unknown>>(
    'SELECT id, state FROM sessions WHERE key_fingerprint = $1 ORDER BY id',
    [fingerprint],
  );
}

function isLive({ state }: SessionRow): boolean {
  return state === 'opening' || state === 'active';
}

async function errorsOf({ stack }: Theatre, id: string): Promise<unknown[]> {
  const events = await eventsOf(stack.database, id);
  return events.filter(({ event }) => event === 'session_error').map(({ detail }) => detail);
}
