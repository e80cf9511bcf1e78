import { fingerprintOf } from '../../simulator/simulator.ts';
import type { Answer } from '../../support/ask.ts';
import { aKey, aProject } from '../../support/manifests.ts';
import { until } from '../../support/until.ts';
import { type ClusterStack, startClusterStack } from '../support/cluster-stack.ts';
import { SteadyLoad } from '../support/steady-load.ts';

/** Everybody's: while this runs, nobody else can deposit on this cluster. */
const DEPLOYMENT = '/apis/apps/v1/namespaces/kube-system/deployments/sealed-secrets-controller';
const PROJECT = 'proj_patient';

let stack: ClusterStack;

beforeAll(async () => {
  stack = await startClusterStack();
  await stack.apply(aProject(stack.simulator.url, PROJECT, { session: { maxConcurrent: 1_000 } }));
  await until('it is known', async () => (await stack.admin('/projects')).text.includes(PROJECT));
  expect((await deposit(aKey())).status).toBe(201);
});
afterAll(async () => {
  await stack.stop();
});

const deposit = (key: string): Promise<Answer> =>
  stack.admin('/projects/key', { body: { project_id: PROJECT, openai_key: key } });

async function scaleController(replicas: number): Promise<void> {
  await stack.kube.patch(DEPLOYMENT, { spec: { replicas } });
  await until(
    `the controller has ${replicas} replicas`,
    async () => {
      const { status } = (await stack.kube.cluster.find(DEPLOYMENT)) as unknown as {
        status: { replicas?: number; readyReplicas?: number };
      };
      return (status.replicas ?? 0) === replicas && (status.readyReplicas ?? 0) === replicas;
    },
    60_000,
  );
}

it('a controller that is away fails no session; a deposit is refused, and completes when it is repeated', async () => {
  const load = new SteadyLoad({ bases: [stack.url], body: { project_id: PROJECT }, everyMs: 50 });
  const key = aKey();
  try {
    await scaleController(0);
    const refused = await deposit(key);
    expect([refused.status, refused.json.error]).toEqual([503, 'unavailable']);
    expect(refused.headers.get('retry-after')).not.toBeNull();
  } finally {
    await scaleController(1);
  }
  const completed = await until(
    'the same deposit completes',
    async () => {
      const answer = await deposit(key);
      return answer.status === 200 && answer;
    },
    30_000,
  );
  expect(completed.json.key_fingerprint).toBe(fingerprintOf(key));
  const results = await load.stop();
  expect(results.length).toBeGreaterThan(100);
  expect(load.failed).toEqual([]);
}, 180_000);
