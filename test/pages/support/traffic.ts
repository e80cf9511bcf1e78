/** Callers of several projects, so that the dashboard has something to show: real requests to the demo, on loopback. */
import { setTimeout as wait } from 'node:timers/promises';
import { aClient, aKey, aProject, aSecret, writeManifests } from '../../support/manifests.ts';
import { ask } from '../../support/ask.ts';
import type { Demo } from './demo.ts';
import { until } from '../../support/until.ts';

const TICK_MS = 500;
/** Of the waves in which callers come. */
const PERIOD_MS = 210_000;
const SHORTEST_MS = 6_000;
const LONGEST_MS = 70_000;
/** One in so many requests meets a provider that fails, or brings a key and is refused. */
const FAULT_EVERY = 45;
const KEY_EVERY = 30;

const PROJECTS = [
  { id: 'shop-assistant', cap: 60, quota: 20_000 },
  { id: 'support-line', cap: 40, quota: 5_000 },
  { id: 'museum-kiosk', cap: 12, quota: 2_000 },
];

/** Which of them is called, in turn. */
const SHARES = [0, 1, 0, 1, 0, 2, 0, 1, 0];

/** Besides `proj_demo`; with a client, and one project that waits for its key. */
export async function addProjects({ url, directory, simulatorUrl, adminKey }: Demo): Promise<void> {
  writeManifests(directory, 'projects.json', [
    ...PROJECTS.flatMap(({ id, cap, quota }) => [
      aProject(simulatorUrl, id, {
        session: { maxConcurrent: cap, voices: ['marin', 'cedar', 'echo'] },
        limits: { sessionsPerMonth: quota },
      }),
      aSecret(id, aKey()),
    ]),
    aProject(simulatorUrl, 'next-season'),
    aClient('acme', 'support-line', { maxConcurrent: 20 }),
  ]);
  await until('the projects are served', async () => {
    const { json } = await ask(`${url}/projects`, { headers: { 'x-admin-api-key': adminKey } });
    return json.projects.length === PROJECTS.length + 2;
  });
}

/** @returns when the time is over; what was open then stays open until its lease lapses. */
export async function makeTraffic(demo: Demo, milliseconds: number): Promise<void> {
  const { json: token } = await ask(`${demo.url}/clients/acme/token`, {
    method: 'POST',
    headers: { 'x-admin-api-key': demo.adminKey },
  });
  const start = Date.now();
  const ends = start + milliseconds;
  const tasks: Promise<void>[] = [];
  let count = 0;
  while (Date.now() < ends) {
    await wait(TICK_MS);
    const wave = 1 + Math.sin((2 * Math.PI * (Date.now() - start)) / PERIOD_MS - 1);
    if (Math.random() > 0.15 + 0.4 * wave) continue;
    count += 1;
    if (count % FAULT_EVERY === 0) await failOnce(demo.simulatorUrl);
    tasks.push(talk(demo, count, String(token.access_token), ends));
  }
  await Promise.all(tasks);
}

async function failOnce(simulatorUrl: string): Promise<void> {
  await ask(new URL('/__simulator/faults', simulatorUrl).href, {
    body: [{ kind: 'status', status: 500, times: 1, route: 'client_secrets' }],
  });
}

async function talk(demo: Demo, count: number, token: string, ends: number): Promise<void> {
  const { id } = PROJECTS[SHARES[count % SHARES.length]!]!;
  const isClient = id === 'support-line' && count % 2 === 0;
  const headers: Record<string, string> = {
    ...(isClient && { authorization: `Bearer ${token}` }),
    ...(count % KEY_EVERY === 0 && { 'x-openai-api-key': aKey() }),
  };
  const { status, json } = await ask(`${demo.url}/session`, {
    headers,
    body: isClient ? {} : { project_id: id },
  });
  if (status !== 200) return;
  const hangsUp = Date.now() + SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS);
  if (hangsUp > ends) return;
  await wait(hangsUp - Date.now());
  await ask(`${demo.url}/session/${json.session_id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${json.lease_token}` },
  });
}
