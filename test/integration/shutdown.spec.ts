import { once } from 'node:events';
import { connect } from 'node:net';
import { Agent } from 'undici';
import { aKey, aProject, aSecret } from '../support/manifests.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { type Answer, ask, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { fingerprintOf } from '../simulator/simulator.ts';

const STUCK = 'proj_stuck';
const IN_FLIGHT = 5;

describe('SIGTERM', () => {
  let stack: Stack;
  let stuckKey: string;

  beforeAll(async () => {
    stuckKey = aKey();
    stack = await startStack({
      processes: 2,
      manifests: (baseUrl) => [aProject(baseUrl, STUCK), aSecret(STUCK, stuckKey)],
    });
  });
  afterAll(async () => {
    await stack.stop();
  });

  const open = ({ url }: ServiceProcess, projectId: string): Promise<Answer> =>
    stack.request('/session', { body: { project_id: projectId }, base: url });
  const askedWith = (key: string): number => stack.simulator.seen().by_key[fingerprintOf(key)]?.requests ?? 0;
  const refusesConnections = async ({ url }: ServiceProcess): Promise<boolean> => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    try {
      await once(socket, 'connect');
      return false;
    } catch (error) {
      return (error as { code?: string }).code === 'ECONNREFUSED';
    } finally {
      socket.destroy();
    }
  };
  /** The exit code and how long it took. */
  const ended = async ({ exited }: ServiceProcess): Promise<{ code: number | null; seconds: number }> => {
    const since = performance.now();
    const code = await exited;
    return { code, seconds: (performance.now() - since) / 1000 };
  };

  it('is first told to those in front, for as long as it is set to, by answers that close their connections', async () => {
    const service = await stack.addService({ VESTIBULE_DRAIN_SECONDS: '3' });
    const agent = new Agent({ connections: 1 });
    const status = async (): Promise<[number, unknown]> => {
      const { statusCode, headers, body } = await agent.request({
        origin: service.url,
        path: '/health',
        method: 'GET',
      });
      await body.dump();
      return [statusCode, headers['connection']];
    };
    expect(await status()).toEqual([200, 'keep-alive']);
    service.kill('SIGTERM');
    const end = ended(service);
    await until('it is not ready', async () => (await ask(`${service.opsUrl}/readyz`)).status === 503, 1_000);
    expect(await status()).toEqual([200, 'close']);
    expect(await refusesConnections(service)).toBe(false);
    expect(await status()).toEqual([200, 'close']);
    const { code, seconds } = await end;
    expect(code).toBe(0);
    expect(seconds).toBeGreaterThan(2.5);
    expect(seconds).toBeLessThan(8);
    await agent.close();
  });

  it('answers what is under way, takes nothing new, and ends with 0', async () => {
    const [service, stuck] = stack.services as [ServiceProcess, ServiceProcess];
    stack.simulator.fault({ kind: 'never', key_fingerprint: fingerprintOf(stuckKey) });
    const unanswered = open(stuck, STUCK);
    stack.simulator.fault({ kind: 'latency', ms: 2_000, key_fingerprint: fingerprintOf(stack.key) });
    const refused = await stack.request('/session', { body: {} });
    expect(refused.status).toBe(401);
    const answers = Promise.all(Array.from({ length: IN_FLIGHT }, () => open(service, PROJECT)));
    await until(
      'all wait for the provider',
      () => askedWith(stack.key) === IN_FLIGHT && askedWith(stuckKey) === 1,
    );

    for (const process of [service, stuck]) process.kill('SIGTERM');
    const [end, stuckEnd] = [ended(service), ended(stuck)];
    await until('it is not ready', async () => (await ask(`${service.opsUrl}/readyz`)).status === 503, 1_000);
    expect((await ask(`${service.opsUrl}/livez`)).status).toBe(200);
    await until('new connections are refused', () => refusesConnections(service), 1_000);

    expect((await answers).map(({ status }) => status)).toEqual(Array.from({ length: IN_FLIGHT }, () => 200));
    const { code, seconds } = await end;
    expect(code).toBe(0);
    expect(seconds).toBeLessThan(5);
    const logged = (text: string): number => service.output.filter((line) => line.includes(text)).length;
    await until('its last line is in the log', () => logged('"msg":"stopped"') === 1);
    expect(logged('"route":"/session"')).toBe(IN_FLIGHT + 1);
    const created = await stack.database.query("SELECT FROM audit_events WHERE event = 'session_created'");
    expect(created).toHaveLength(IN_FLIGHT);
    const rejections = await stack.database.query(
      "SELECT detail FROM audit_events WHERE event = 'auth_rejected'",
    );
    expect(rejections).toEqual([{ detail: { reason: 'no_credentials', count: 1 } }]);

    // Even a provider that never answers does not hold the end up for longer than its deadline.
    expect((await unanswered).status).toBe(504);
    const late = await stuckEnd;
    expect(late.code).toBe(0);
    expect(late.seconds).toBeLessThan(20);
    expect(await stack.database.query("SELECT FROM sessions WHERE state = 'opening'")).toEqual([]);
  });
});
