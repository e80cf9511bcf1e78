import { until } from '../support/until.ts';
import { FULL_NAME, Installation, PROJECT, RELEASE } from './support/installation.ts';
import { kubectl } from './support/kubectl.ts';

/** From nothing but images to the first session. */
const FIRST_SESSION_S = 90;
const TIMEOUT_MS = 300_000;

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.prepare('install');
}, TIMEOUT_MS);
afterAll(() => (installation as Installation | undefined)?.close(), TIMEOUT_MS);

describe('a release of the chart', () => {
  it(
    'opens its first session through the ingress, over TLS, soon after it is installed',
    async () => {
      const begun = performance.now();
      await installation.helm('install');
      await installation.depositKey();
      const answer = await installation.caller.ask({
        method: 'POST',
        path: '/session',
        body: { project_id: PROJECT },
      });
      const seconds = (performance.now() - begun) / 1_000;
      expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('"lease_token"')]);
      expect(seconds).toBeLessThan(FIRST_SESSION_S);
      process.stdout.write(`first session after ${seconds.toFixed(1)} s\n`);
    },
    TIMEOUT_MS,
  );

  it('passes its own test', async () => {
    expect(await installation.runHelm('test', RELEASE, '--timeout', '90s')).toMatch(/Phase: +Succeeded/);
  }, 120_000);

  it.each([
    '/dashboard',
    '/projects',
    '/sessions',
    '/clients/any/token',
    '/audit-logs',
    '/health/vault',
    '/readyz',
  ])('does not show %s to the world', async (path) => {
    const { status, headers } = await installation.caller.ask({ path });
    expect(status).toBe(404);
    expect(headers).not.toHaveProperty('x-request-id');
  });

  it('shows what callers need to the world', async () => {
    const statuses = await Promise.all(
      ['/health', '/openapi.json', '/docs'].map(
        async (path) => (await installation.caller.ask({ path })).status,
      ),
    );
    expect(statuses).toEqual([200, 200, 200]);
  });

  it('passes the doctor in its own pod', async () => {
    const target = `deployment/${FULL_NAME}`;
    const printed = await kubectl('-n', installation.namespace, 'exec', target, '--', 'vestibule', 'doctor');
    expect(printed).not.toMatch(/^ *error/im);
  });

  it(
    'leaves nothing but what its values keep when it is uninstalled',
    async () => {
      await installation.runHelm('uninstall', RELEASE, '--wait', '--timeout', '120s');
      const kinds =
        'all,serviceaccounts,roles,rolebindings,networkpolicies,ingresses,poddisruptionbudgets,configmaps,secrets,jobs';
      await until('it is gone', async () => (await installation.left(kinds)).length === 0, 60_000);
      const keys = await kubectl('-n', installation.keyNamespace, 'get', 'sealedsecrets', '-o', 'name');
      expect(keys.trim().split('\n')).toHaveLength(1);
    },
    TIMEOUT_MS,
  );
});
