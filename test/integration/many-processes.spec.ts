import { Agent, request } from 'undici';
import { mostAtOnce, slotsTaken } from '../support/session-records.ts';
import { runProgram, type ServiceProcess } from '../support/service-process.ts';
import { PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { fingerprintOf } from '../simulator/simulator.ts';

const PROCESSES = 4;
const CAP = 5;
const BURST = 400;
const LEASE_S = 15;
const ROUNDS = Number(process.env['BURSTS'] ?? 100);
const ROUNDS_TIMEOUT_MS = 20_000 + ROUNDS * 5_000;

interface Outcome {
  /** 0: the connection broke. */
  status: number;
  error: string | undefined;
  sessionId: string | undefined;
}

describe('many processes on one database', () => {
  let stack: Stack;
  let agent: Agent;

  beforeAll(async () => {
    agent = new Agent({ connections: BURST });
    stack = await startStack({
      processes: PROCESSES,
      project: { session: { maxConcurrent: CAP, secretTtlSeconds: 10, leaseSeconds: LEASE_S } },
    });
  });
  afterAll(async () => {
    await agent.close();
    await stack.stop();
  });

  const open = async ({ url }: ServiceProcess): Promise<Outcome> => {
    const answer = await request(`${url}/session`, {
      method: 'POST',
      dispatcher: agent,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ project_id: PROJECT }),
    }).then(
      async ({ statusCode, body }) => ({
        status: statusCode,
        json: (await body.json()) as Record<string, string>,
      }),
      (): { status: number; json: Record<string, string> } => ({ status: 0, json: {} }),
    );
    return { status: answer.status, error: answer.json['error'], sessionId: answer.json['session_id'] };
  };
  const burst = (services: ServiceProcess[], size: number): Promise<Outcome[]> =>
    Promise.all(Array.from({ length: size }, (_, index) => open(services[index % services.length]!)));
  const opened = (outcomes: Outcome[]): string[] =>
    outcomes.flatMap(({ sessionId }) => (sessionId === undefined ? [] : [sessionId]));
  const endAll = async (ids: string[], { url }: ServiceProcess): Promise<void> => {
    const answers = await Promise.all(
      ids.map((id) => stack.admin(`/sessions/${id}`, { method: 'DELETE', base: url })),
    );
    expect(answers.filter(({ status }) => status !== 204)).toEqual([]);
  };
  const tally = (outcomes: Outcome[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { status, error } of outcomes) {
      const outcome = error === undefined ? String(status) : `${status} ${error}`;
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    return counts;
  };

  it(
    'admits exactly as many sessions as there are slots, burst after burst',
    async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const outcomes = await burst(stack.services, BURST);
        expect(tally(outcomes)).toEqual({ 200: CAP, '429 concurrency_limit_exceeded': BURST - CAP });
        expect(await slotsTaken(stack.database)).toBe(CAP);
        await endAll(opened(outcomes), stack.services[round % PROCESSES]!);
        expect(await slotsTaken(stack.database)).toBe(0);
      }
      expect(await mostAtOnce(stack.database)).toBe(CAP);
    },
    ROUNDS_TIMEOUT_MS,
  );

  it('gives back what a killed process held within one lease, and never more than there is', async () => {
    const [victim, ...survivors] = stack.services as [ServiceProcess, ...ServiceProcess[]];
    stack.simulator.fault({ kind: 'latency', ms: 2_000 });
    const held = burst([victim], CAP - 2);
    await until('the victim waits for the provider', () => stack.simulator.seen().in_flight === CAP - 2);
    const others = burst(stack.services, BURST);
    await until('all slots are taken', () => stack.simulator.seen().in_flight === CAP);
    victim.kill('SIGKILL');
    const killedAt = performance.now();
    await victim.exited;
    expect(tally(await held)).toEqual({ 0: CAP - 2 });
    stack.simulator.clearFaults();
    await endAll(opened(await others), survivors[0]!);
    expect(await slotsTaken(stack.database)).toBeGreaterThanOrEqual(CAP - 2);

    const free = async (): Promise<boolean> => {
      const rows = await stack.database.query(
        "SELECT FROM sessions WHERE state IN ('opening', 'active') AND lease_expires_at > clock_timestamp()",
      );
      return rows.length === 0;
    };
    await until('every lease of the victim lapses', free, LEASE_S * 1_000);
    const outcomes = await burst(survivors, BURST);
    expect(performance.now() - killedAt).toBeLessThan((LEASE_S + 2) * 1_000);
    expect(tally(outcomes)).toEqual({ 200: CAP, '429 concurrency_limit_exceeded': BURST - CAP });
    expect(await mostAtOnce(stack.database)).toBe(CAP);
    await endAll(opened(outcomes), survivors[0]!);
  });

  it('has recorded every use of a key before it', async () => {
    const uses = stack.simulator
      .seen()
      .log.map(({ at, key_fingerprint: key }) => ({ at, key }))
      .sort((one, other) => one.at - other.at);
    const rows = await stack.database.query<{ key: string; at: Date }>(
      `SELECT detail->>'key_fingerprint' AS key, time AS at FROM audit_events
       WHERE event = 'vault_key_loaded' ORDER BY time`,
    );
    expect(uses.length).toBeGreaterThanOrEqual(CAP * (ROUNDS + 1));
    expect(rows.length).toBeGreaterThanOrEqual(uses.length);
    expect(new Set([...uses, ...rows].map(({ key }) => key))).toEqual(new Set([fingerprintOf(stack.key)]));
    const late = uses.filter(({ at }, index) => rows[index]!.at.getTime() > at);
    expect(late).toEqual([]);
  });

  it('keeps every chain of the audit whole, the killed writer’s, too', async () => {
    const { code, stdout } = await runProgram(['audit', 'verify'], stack.environment);
    expect([code, stdout]).toEqual([0, expect.any(String)]);
    const orphans = await stack.database.query(
      `SELECT id FROM sessions s WHERE NOT EXISTS (
         SELECT FROM audit_events e WHERE e.session_id = s.id AND e.event = 'vault_key_loaded')
       OR activated_at IS NOT NULL AND NOT EXISTS (
         SELECT FROM audit_events e WHERE e.session_id = s.id AND e.event = 'session_created')`,
    );
    expect(orphans).toEqual([]);
  });
});
