import { readFileSync } from 'node:fs';
import { fingerprintOf } from '../../simulator/simulator.ts';
import { ask } from '../../support/ask.ts';
import { aKey, aProject, aSecret } from '../../support/manifests.ts';
import { isReady } from '../../support/services.ts';
import { until } from '../../support/until.ts';
import { type ClusterStack, startClusterStack } from '../support/cluster-stack.ts';

const PROJECTS = 1_000;
const AT_ONCE = 16;
const MOST_RSS_MB = 260;

let stack: ClusterStack;

beforeAll(async () => {
  stack = await startClusterStack();
  await stack.services[0]!.stop();
  const ids = Array.from({ length: PROJECTS }, (_, index) => idOf(index));
  while (ids.length > 0) {
    await Promise.all(
      ids.splice(0, AT_ONCE).map((id) => stack.apply(aProject(stack.simulator.url, id), aSecret(id, aKey()))),
    );
  }
}, 300_000);
afterAll(async () => {
  await stack.stop();
});

const idOf = (index: number): string => `proj_${index}`;

function rssMb(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_000;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function readyProjects(): Promise<number> {
  const { items } = await stack.kube.request<{ items: { status?: Status }[] }>({
    method: 'GET',
    path: `/apis/vestibule.dev/v1alpha1/namespaces/${stack.namespaces.configuration}/projects`,
  });
  return items.filter(
    ({ status }) => status?.conditions?.every((condition) => condition.status === 'True') === true,
  ).length;
}

interface Status {
  conditions?: { status: string }[];
}

it('is ready with 1,000 Projects and keys within 15 s, uses a changed key within 1 s, and stays small', async () => {
  const started = performance.now();
  const service = await stack.addService({ LOG_LEVEL: 'info' });
  await until('it is ready', () => isReady(service), 15_000);
  const readyMs = performance.now() - started;
  const open = (id: string) => ask(`${service.url}/session`, { body: { project_id: id } });
  expect((await open(idOf(PROJECTS - 1))).status).toBe(200);
  await until('every status is written', async () => (await readyProjects()) === PROJECTS, 120_000);
  const writtenMs = performance.now() - started;
  const delays: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const id = idOf(round * 50);
    const key = aKey();
    await stack.apply(aSecret(id, key));
    const changedAt = performance.now();
    await until(
      'the changed key is in use',
      async () => {
        await open(id);
        return stack.simulator.seen().by_key[fingerprintOf(key)] !== undefined;
      },
      1_000,
    );
    delays.push(performance.now() - changedAt);
  }
  const rss = rssMb(service.pid);
  const [ready, written, delay] = [readyMs, writtenMs, Math.max(...delays)].map(Math.round);
  say(
    `ready after ${ready} ms, every status after ${written} ms, a changed key in use after at most ${delay} ms, RSS ${Math.round(rss)} MB`,
  );
  expect(rss).toBeLessThan(MOST_RSS_MB);
}, 300_000);

it('looks at little and writes nothing while it is idle with 1,000 Projects', async () => {
  const { opsUrl } = stack.services.at(-1)!;
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec((await ask(`${opsUrl}/metrics`)).text)?.[1]);
  const figures = (): Promise<number[]> =>
    Promise.all(['workqueue_adds_total', 'process_cpu_seconds_total'].map(metric));
  const [addsBefore, cpuBefore] = await figures();
  const over = performance.now() + 30_000;
  await until('half a minute is over', () => performance.now() >= over, 31_000);
  const [addsAfter, cpuAfter] = await figures();
  const [adds, cpu] = [addsAfter! - addsBefore!, cpuAfter! - cpuBefore!];
  say(`idle for 30 s: ${cpu.toFixed(2)} s of CPU, ${adds} resources looked at again`);
  // The sessions of the test before end meanwhile, and their projects' counts are written.
  expect(adds).toBeLessThan(60);
  expect(cpu).toBeLessThan(3);
}, 120_000);
