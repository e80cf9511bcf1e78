import { fingerprintOf } from '../simulator/simulator.ts';
import { aKey, aProject } from '../support/manifests.ts';
import { until } from '../support/until.ts';
import { type ClusterStack, startClusterStack } from './support/cluster-stack.ts';
import { SteadyLoad } from './support/steady-load.ts';

const ROTATIONS = process.env['E2E_LONG'] === undefined ? 40 : 200;
const PROJECT = 'proj_rotating';

let stack: ClusterStack;

beforeAll(async () => {
  stack = await startClusterStack({ processes: 2 });
  await stack.apply(aProject(stack.simulator.url, PROJECT, { session: { maxConcurrent: 10_000 } }));
});
afterAll(async () => {
  await stack.stop();
});

it(`${ROTATIONS} rotations under load fail no session, and each key is in use within 1 s on every replica, the one before no more`, async () => {
  const rotate = async (): Promise<string> => {
    const key = aKey();
    const answer = await stack.admin('/projects/key', { body: { project_id: PROJECT, openai_key: key } });
    expect(answer.status).toBeLessThan(300);
    return fingerprintOf(key);
  };
  await until('the project is known', async () => {
    const { text } = await stack.admin('/projects');
    return text.includes(PROJECT);
  });
  const first = await rotate();
  const bases = stack.services.map(({ url }) => url);
  for (const base of bases) {
    await until('it opens sessions', async () => {
      const { status } = await stack.request('/session', { base, body: { project_id: PROJECT } });
      return status === 200;
    });
  }
  stack.simulator.reset();
  const load = new SteadyLoad({ bases, body: { project_id: PROJECT }, everyMs: 20 });
  const answered: { fingerprint: string; at: number }[] = [{ fingerprint: first, at: Date.now() }];
  for (let number = 0; number < ROTATIONS; number += 1) {
    const fingerprint = await rotate();
    answered.push({ fingerprint, at: Date.now() });
    await until('some sessions use it', () => (stack.simulator.seen().by_key[fingerprint]?.minted ?? 0) >= 4);
  }
  await load.stop();
  expect(load.failed).toEqual([]);
  const { log } = stack.simulator.seen();
  const firstUse = answered.map(
    ({ fingerprint }) => log.find((seen) => seen.key_fingerprint === fingerprint)?.at,
  );
  const lastUse = answered.map(
    ({ fingerprint }) => log.findLast((seen) => seen.key_fingerprint === fingerprint)?.at,
  );
  // From the answer of the rotation, which comes once one replica has read the key back.
  const delays = answered.slice(1).map(({ at }, index) => (firstUse[index + 1] ?? Infinity) - at);
  const overstays = answered.slice(1).map(({ at }, index) => (lastUse[index] ?? 0) - at);
  process.stdout.write(
    `${ROTATIONS} rotations, ${load.results.length} sessions: new key in use after at most ${Math.max(...delays)} ms, old key after at most ${Math.max(...overstays)} ms\n`,
  );
  expect(Math.max(...delays)).toBeLessThan(1_000);
  expect(Math.max(...overstays)).toBeLessThan(1_000);
}, 300_000);
