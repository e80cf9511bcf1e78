import { readFileSync } from 'node:fs';
import { CORE_API, pathOf } from '../../src/kubernetes/resource-paths.ts';
import { aClient, aKey, aProject } from '../support/manifests.ts';
import { until } from '../support/until.ts';
import { type ClusterStack, startClusterStack } from './support/cluster-stack.ts';
import { dumpOf } from './support/dump.ts';

let stack: ClusterStack;

beforeAll(async () => {
  stack = await startClusterStack({ environment: { LOG_LEVEL: 'trace' } });
});
afterAll(async () => {
  await stack.stop();
});

/** The key as text, hex, URL form, and base64 at each of its three offsets. */
function formsOf(key: string): string[] {
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), Buffer.from(key, 'utf8')])
      .toString('base64')
      .slice(4, -4),
  );
  return [key, Buffer.from(key, 'utf8').toString('hex'), encodeURIComponent(key), ...base64];
}

it('a deposited key is in Secrets alone: in no other object, managed field, Event, status or log, nor in a row', async () => {
  const [first, second, refused] = [aKey(), aKey(), aKey()];
  const project = 'proj_canary';
  await stack.apply(aProject(stack.simulator.url, project), aClient('canary', project));
  await until('it is known', async () => (await stack.admin('/projects')).text.includes(project));
  const deposit = (key: string) =>
    stack.admin('/projects/key', { body: { project_id: project, openai_key: key } });
  expect((await deposit(first)).status).toBe(201);
  expect((await stack.request('/session', { body: { project_id: project } })).status).toBe(200);
  expect((await deposit(second)).status).toBe(200);
  // One that the controller does not take: its Secret is nobody's.
  await stack.apply(aProject(stack.simulator.url, 'proj_blocked'));
  await stack.kube.create(pathOf(CORE_API, stack.namespaces.keys, 'secrets'), {
    metadata: { name: 'proj-blocked-key' },
    stringData: { apiKey: aKey() },
  });
  await until('it is known', async () => (await stack.admin('/projects')).text.includes('proj_blocked'));
  const answer = await stack.admin('/projects/key', {
    body: { project_id: 'proj_blocked', openai_key: refused },
  });
  expect(answer.status).toBe(503);

  const objects = await dumpOf(stack.kube, Object.values(stack.namespaces));
  expect(objects.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['Secret', 'SealedSecret', 'Project', 'Client', 'Event', 'Lease']),
  );
  const holding = (key: string): string[] =>
    objects
      .filter(({ text }) => formsOf(key).some((form) => text.includes(form)))
      .map(({ kind, name }) => `${kind}/${name}`);
  expect(holding(second)).toEqual(['Secret/proj-canary-key']);
  expect(holding(first)).toEqual([]);
  expect(holding(refused)).toEqual([]);
  // What was looked for can be found: the key of the Secret is there, and managed fields are in the dump.
  expect(objects.some(({ text }) => text.includes('managedFields'))).toBe(true);

  const [service] = stack.services;
  const rows = await stack.database.query<{ row: string }>(
    `SELECT t::text AS row FROM audit_events t UNION ALL SELECT t::text FROM sessions t
     UNION ALL SELECT t::text FROM key_rejections t`,
  );
  const elsewhere = [
    ...service!.output,
    ...rows.map(({ row }) => row),
    (await stack.admin('/projects')).text,
    answer.text,
    ...['cmdline', 'environ'].map((file) => readFileSync(`/proc/${service!.pid}/${file}`, 'utf8')),
  ].join('\n');
  for (const key of [first, second, refused]) {
    for (const form of formsOf(key)) expect(elsewhere).not.toContain(form);
  }
  // Nor does the sealed form reach a log.
  const sealed = objects.find(({ kind }) => kind === 'SealedSecret')!;
  const ciphertext = /"apiKey":"([A-Za-z0-9+/=]{100,})"/.exec(sealed.text)?.[1];
  expect(ciphertext).toBeDefined();
  expect(elsewhere).not.toContain(ciphertext);
});
