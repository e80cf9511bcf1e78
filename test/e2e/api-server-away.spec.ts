import { CORE_API, pathOf } from '../../src/kubernetes/resource-paths.ts';
import { fingerprintOf } from '../simulator/simulator.ts';
import { ask } from '../support/ask.ts';
import { aKey, aProject, aSecret } from '../support/manifests.ts';
import { until } from '../support/until.ts';
import type { ApiServerProxy } from './support/api-server-proxy.ts';
import { type ClusterStack, startClusterStack } from './support/cluster-stack.ts';
import { SteadyLoad } from './support/steady-load.ts';

/** How long it is away: longer than any time-out that could hide it. The long run has two minutes. */
const AWAY_MS = process.env['E2E_LONG'] === undefined ? 12_000 : 120_000;
const BACK_MS = 5_000;
/** A stream that went silent is given up after 15 s, and each of three on its own. */
const SILENCE_SEEN_MS = 25_000;
/** A quiet watch says at its end that nothing was missed. */
const WATCH_MS = 10_000;
const PROJECT = 'proj_away';

let proxy: ApiServerProxy;
let stack: ClusterStack;

beforeAll(async () => {
  stack = await startClusterStack({ processes: 2, behindProxy: true });
  proxy = stack.proxy!;
  await stack.apply(
    aProject(stack.simulator.url, PROJECT, { session: { maxConcurrent: 1_000 } }),
    aSecret(PROJECT, aKey()),
  );
  for (const { url } of stack.services) {
    await until('it opens sessions', async () => (await open(url)).status === 200);
  }
});
afterAll(async () => {
  proxy.bringBack();
  await stack.stop();
});

const open = (base: string) => ask(`${base}/session`, { body: { project_id: PROJECT } });

async function lagOf(opsUrl: string): Promise<number> {
  const { text } = await ask(`${opsUrl}/metrics`);
  return Number(/^vault_sync_lag_seconds (\S+)$/m.exec(text)?.[1]);
}

/** In the vault, behind the services' backs. */
async function rotate(): Promise<string> {
  const key = aKey();
  await stack.apply(aSecret(PROJECT, key));
  return fingerprintOf(key);
}

const mintedWith = (fingerprint: string): number => stack.simulator.seen().by_key[fingerprint]?.minted ?? 0;

async function inUseEverywhere(fingerprint: string, withinMs: number): Promise<void> {
  await Promise.all(
    stack.services.map(({ url }) =>
      until(
        'the new key is in use',
        async () => {
          const before = mintedWith(fingerprint);
          await open(url);
          return mintedWith(fingerprint) > before;
        },
        withinMs,
      ),
    ),
  );
}

const wait = (milliseconds: number): Promise<boolean> => {
  const until_ = performance.now() + milliseconds;
  return until('the time is over', () => performance.now() >= until_, milliseconds + 1_000);
};

it.each([
  [
    'away',
    () => {
      proxy.takeAway();
    },
  ],
  [
    'silent',
    () => {
      proxy.silence();
    },
  ],
])(
  'an API server that is %s fails no session, and what was rotated meanwhile is in use 5 s after its return',
  async (_how, begin) => {
    const load = new SteadyLoad({
      bases: stack.services.map(({ url }) => url),
      body: { project_id: PROJECT },
      everyMs: 50,
    });
    begin();
    const rotated = await rotate();
    await wait(AWAY_MS);
    for (const { opsUrl } of stack.services) {
      expect(await lagOf(opsUrl)).toBeGreaterThan(AWAY_MS / 1_000 - 2);
      expect((await ask(`${opsUrl}/readyz`)).status).toBe(200);
    }
    expect(mintedWith(rotated)).toBe(0);
    const deposit = await stack.admin('/projects/key', { body: { project_id: PROJECT, openai_key: aKey() } });
    expect([deposit.status, deposit.json.error]).toEqual([503, 'unavailable']);
    proxy.bringBack();
    await inUseEverywhere(rotated, _how === 'silent' ? SILENCE_SEEN_MS : BACK_MS);
    const results = await load.stop();
    expect(load.failed).toEqual([]);
    expect(results.length).toBeGreaterThan(AWAY_MS / 100);
    for (const { opsUrl } of stack.services) {
      const small = async (): Promise<boolean> => (await lagOf(opsUrl)) < 12;
      await until('the lag is small again', small, SILENCE_SEEN_MS + WATCH_MS);
    }
  },
  AWAY_MS + 90_000,
);

it('a dropped watch loses nothing, nor does a Secret that is deleted and made again meanwhile', async () => {
  for (let round = 0; round < 5; round += 1) {
    proxy.drop();
    await inUseEverywhere(await rotate(), 1_500);
  }
  const path = pathOf(CORE_API, stack.namespaces.keys, 'secrets', 'proj-away-key');
  proxy.takeAway();
  await stack.kube.request({ method: 'DELETE', path });
  const recreated = await rotate();
  proxy.bringBack();
  await inUseEverywhere(recreated, BACK_MS);
});

it('a service that starts while the API server is away is not ready, and becomes so by itself', async () => {
  proxy.takeAway();
  const late = await stack.addService();
  expect((await ask(`${late.opsUrl}/readyz`)).status).toBe(503);
  expect((await open(late.url)).status).toBe(401);
  proxy.bringBack();
  await until('it is ready', async () => (await ask(`${late.opsUrl}/readyz`)).status === 200, BACK_MS);
  expect((await open(late.url)).status).toBe(200);
});
