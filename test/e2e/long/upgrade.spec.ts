import { pathOf } from '../../../src/kubernetes/resource-paths.ts';
import { until } from '../../support/until.ts';
import type { CallerLoad, Failure } from '../support/caller.ts';
import { imageName, IMAGES } from '../support/images.ts';
import { FULL_NAME, Installation, PROJECT, RELEASE } from '../support/installation.ts';
import { kubectl } from '../support/kubectl.ts';

const SESSIONS_PER_SECOND = 50;
const LOAD_MS = 5 * 60_000;
/** From the first failure of a fault to its last. */
const RECOVERY_MS = 5_000;
const CAP = 500;
const SETUP_MS = 300_000;
const TIMEOUT_MS = 900_000;
const DEPLOYMENT = `deployment/${FULL_NAME}`;
const CONTROLLER = 'deployment/sealed-secrets-controller';

let installation: Installation;

const inNamespace = (...args: string[]): Promise<string> => kubectl('-n', installation.namespace, ...args);
const rolledOut = (): Promise<string> => inNamespace('rollout', 'status', DEPLOYMENT, '--timeout=180s');
/** Those that are not about to go. */
const pods = async (): Promise<string[]> => {
  const selector = `app.kubernetes.io/instance=${RELEASE},app.kubernetes.io/component=server`;
  const list = await inNamespace('get', 'pods', '-l', selector, '-o', 'json');
  const { items } = JSON.parse(list) as {
    items: { metadata: { name: string; deletionTimestamp?: string } }[];
  };
  return items.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [metadata.name] : []));
};
const scaleTo = async (replicas: number): Promise<void> => {
  await inNamespace('scale', DEPLOYMENT, `--replicas=${replicas}`);
  await rolledOut();
  await until(`there are ${replicas} pods`, async () => (await pods()).length === replicas, 60_000);
};

/** As `kubectl drain` asks for it, which the disruption budget may put off. */
async function evict(pod: string): Promise<void> {
  const path = pathOf('/api/v1', installation.namespace, 'pods', pod);
  await until(
    `${pod} may go`,
    async () => {
      const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod } };
      try {
        await installation.kube.create(`${path}/eviction`, eviction);
        return true;
      } catch (error) {
        if ((error as { status?: number }).status === 429) return false;
        throw error;
      }
    },
    120_000,
  );
  await until(`${pod} is gone`, async () => !(await pods()).includes(pod), 60_000);
  await rolledOut();
}

beforeAll(async () => {
  installation = await Installation.prepare('upgrade');
  await installation.helm('install', { image: imageName(IMAGES.previous) });
  await installation.depositKey();
  const spec = {
    session: { maxConcurrent: CAP },
    limits: { requests: 1_000_000, windowSeconds: 900 },
    access: { perAddress: { requests: 1_000_000, windowSeconds: 900 } },
  };
  const [project] = (await inNamespace('get', 'projects.vestibule.dev', '-o', 'name')).trim().split('\n');
  await inNamespace('patch', project!, '--type=merge', '-p', JSON.stringify({ spec }));
}, SETUP_MS);
afterAll(() => (installation as Installation | undefined)?.close(), SETUP_MS);

const image = (): Promise<string> =>
  inNamespace('get', DEPLOYMENT, '-o', 'jsonpath={.spec.template.spec.containers[0].image}');

/** What must hold however much was broken: chains, the cap, and no slot that nobody has. */
async function expectExact(opened: number): Promise<void> {
  const verified = await inNamespace('exec', DEPLOYMENT, '--', 'vestibule', 'audit', 'verify');
  expect(verified).toMatch(/^intact: /);
  const sql = `SELECT json_build_object(
      'created', (SELECT count(*) FROM audit_events WHERE event = 'session_created'),
      'loaded', (SELECT count(*) FROM audit_events WHERE event = 'vault_key_loaded'),
      'unrecorded', (SELECT count(*) FROM sessions s WHERE activated_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM audit_events e WHERE e.session_id = s.id AND e.event = 'session_created')),
      'wrong', cardinality(recount_slots()))`;
  const psql = ['psql', '-At', '-U', 'vestibule_owner', '-d', 'vestibule', '-c', sql];
  const found = JSON.parse(await inNamespace('exec', 'postgres-0', '--', ...psql)) as Record<string, number>;
  expect(found).toMatchObject({ unrecorded: 0, wrong: 0 });
  expect(found['created']).toBeGreaterThanOrEqual(opened);
  expect(found['loaded']).toBeGreaterThanOrEqual(found['created']!);
}

it(
  'loses no request while it is upgraded, rolled back, drained and scaled',
  async () => {
    const begun = performance.now();
    await using load = await installation.caller.load(PROJECT, SESSIONS_PER_SECOND);
    await installation.helm('upgrade');
    // The schema stays as it was upgraded to.
    await installation.runHelm('rollback', RELEASE, '--wait', '--timeout', '240s');
    expect(await image()).toBe(IMAGES.previous);
    await installation.helm('upgrade');
    expect(await image()).toBe(IMAGES.vestibule);
    for (const pod of await pods()) await evict(pod);
    await scaleTo(1);
    await scaleTo(5);
    await scaleTo(2);
    await until('the load took long enough', () => performance.now() - begun > LOAD_MS, LOAD_MS);
    await load.stop();
    process.stdout.write(`${load.opened} sessions, ${load.failures.length} failures\n`);
    expect(load.failures).toEqual([]);
    expect(load.opened).toBeGreaterThan(0.98 * SESSIONS_PER_SECOND * (LOAD_MS / 1_000));
    await expectExact(load.opened);
  },
  TIMEOUT_MS,
);

/** Breaks something under load; all that callers hear of it is 503 with Retry-After, and not for long. */
async function underFault(fault: () => Promise<unknown>): Promise<CallerLoad> {
  await using load = await installation.caller.load(PROJECT, SESSIONS_PER_SECOND);
  await fault();
  await rolledOut();
  await until(
    'it answers again',
    async () => {
      const answer = await installation.caller.ask({
        method: 'POST',
        path: '/session',
        body: { project_id: PROJECT },
      });
      return answer.status === 200;
    },
    60_000,
  );
  await load.stop();
  return load;
}

/** From the first failure to the end of the last, in milliseconds. */
function tell(what: string, { opened, failures }: CallerLoad): number {
  const times = failures.flatMap(({ at, ended }) => [at, ended]);
  const took = times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
  process.stdout.write(`${what}: ${opened} sessions, ${failures.length} failures within ${took} ms\n`);
  return took;
}

const unpolite = ({ status, retryAfter }: Failure): boolean => status !== 503 || retryAfter === undefined;

it.each([
  ['PostgreSQL is restarted', () => inNamespace('exec', 'postgres-0', '--', 'sh', '-c', 'kill -INT 1')],
  [
    'the sealed-secrets controller is restarted',
    async () => {
      await kubectl('-n', 'kube-system', 'rollout', 'restart', CONTROLLER);
      await kubectl('-n', 'kube-system', 'rollout', 'status', CONTROLLER, '--timeout=120s');
    },
  ],
])(
  'answers 503 with Retry-After at worst while %s, and recovers',
  async (what, fault) => {
    const load = await underFault(fault);
    const took = tell(what, load);
    expect(load.failures.filter(unpolite)).toEqual([]);
    expect(took).toBeLessThan(RECOVERY_MS);
    await expectExact(load.opened);
  },
  TIMEOUT_MS,
);

it(
  'loses what a pod has under way when that is killed, and nothing after it',
  async () => {
    const load = await underFault(async () => {
      const [victim] = await pods();
      await inNamespace('delete', 'pod', victim!, '--grace-period=0', '--force');
      await until('it is gone', async () => !(await pods()).includes(victim!), 60_000);
    });
    const took = tell('a pod is killed', load);
    expect(took).toBeLessThan(RECOVERY_MS);
    await expectExact(load.opened);
  },
  TIMEOUT_MS,
);
