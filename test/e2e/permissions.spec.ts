import { LEASE_NAME, type Permission, PERMISSIONS } from '../../src/kubernetes/permissions.ts';
import { SecretString } from '../../src/common/secret-string.ts';
import { COORDINATION_API, CORE_API, pathOf, VESTIBULE_API } from '../../src/kubernetes/resource-paths.ts';
import type { KubernetesVault } from '../../src/vault/kubernetes-vault.ts';
import { fingerprintOf } from '../simulator/simulator.ts';
import type { Answer } from '../support/ask.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { isReady } from '../support/services.ts';
import { until } from '../support/until.ts';
import { type ClusterStack, startClusterStack } from './support/cluster-stack.ts';
import { startVault } from './support/vault.ts';
import { eventsOf } from './support/project-watch.ts';

/** What each permission's loss takes away, in the order of the trial; all else goes on. */
const LOSSES: Record<string, string[]> = {
  'projects list': ['ready'],
  'clients list': ['ready'],
  'secrets list': ['ready'],
  'projects watch': ['projects followed', 'project made', 'project suspended'],
  'clients watch': ['clients followed'],
  'secrets watch': ['keys followed', 'project made', 'first key', 'rotation', 'removal'],
  'projects create': ['project made'],
  'projects patch': ['project suspended'],
  'projects/status patch': ['project status', 'events', 'missing label'],
  'clients/status patch': ['client status'],
  'events create': ['events'],
  'leases get': ['project status', 'client status', 'events', 'missing label'],
  'leases create': ['project status', 'client status', 'events', 'missing label'],
  'leases update': ['project status', 'client status', 'events', 'missing label'],
  'secrets get': ['project made', 'missing label'],
  'sealedsecrets get': ['project made', 'first key', 'rotation', 'removal'],
  'sealedsecrets create': ['project made', 'first key'],
  'sealedsecrets patch': ['rotation'],
  'sealedsecrets delete': ['removal'],
};
/** `doctor` alone lists SealedSecrets, and tokens alone are reviewed: their own suites take these away. */
const ELSEWHERE = ['sealedsecrets list', 'tokenreviews create'];

const SEEN_MS = 3_000;
const WRITTEN_MS = 5_000;

const nameOf = ({ resource, verb }: Permission): string => `${resource} ${verb}`;
const tried = PERMISSIONS.filter((permission) => !ELSEWHERE.includes(nameOf(permission)));

let stack: ClusterStack;
/** As an administrator's: for what has to be deposited before. */
let vault: KubernetesVault;

beforeAll(async () => {
  stack = await startClusterStack();
  // It would go on with what it was allowed when it began, and write status for the others.
  await stack.services[0]!.stop();
  vault = await startVault(stack.kube.cluster, stack.namespaces.keys);
});
afterAll(async () => {
  vault.stop();
  await stack.stop();
});

it('each permission is taken away in some suite', () => {
  expect([...Object.keys(LOSSES), ...ELSEWHERE].sort()).toEqual(PERMISSIONS.map(nameOf).sort());
});

it.each(tried.map((permission) => [nameOf(permission), permission] as const))(
  'without %s, exactly what needs it does not work',
  async (name, permission) => {
    const trial = await prepare(name);
    // There from the start, but where its making is what is tried.
    await stack.kube.remove(leasePath());
    if (name !== 'leases create') {
      await stack.kube.create(leases(), { metadata: { name: LEASE_NAME }, spec: { holderIdentity: '' } });
    }
    await stack.identity.grant({ without: [permission] });
    const service = await stack.addService({ VESTIBULE_PROVIDER_URLS: stack.simulator.url });
    try {
      expect(await lostBy(trial, service)).toEqual(LOSSES[name]);
    } finally {
      await service.stop();
      await stack.identity.grant();
    }
  },
  90_000,
);

interface Trial {
  /** A project with a key and a client. */
  whole: string;
  /** A project without a key. */
  bare: string;
  /** A project whose key was deposited. */
  sealed: string;
  /** A project whose Secret has no label. */
  unlabelled: string;
  /** A project that nobody touches, and its client: their status is that of the version that was read first. */
  quiet: string;
  /** The id of no project. */
  none: string;
}

const leases = (): string => pathOf(COORDINATION_API, stack.namespaces.configuration, 'leases');
const leasePath = (): string => `${leases()}/${LEASE_NAME}`;
const resourcePath = (plural: string, name: string): string =>
  pathOf(VESTIBULE_API, stack.namespaces.configuration, plural, name);

async function prepare(name: string): Promise<Trial> {
  const of = (what: string): string => `${name.replace(/\W/g, '-')}-${what}`;
  const trial = {
    whole: of('whole'),
    bare: of('bare'),
    sealed: of('sealed'),
    unlabelled: of('unlabelled'),
    quiet: of('quiet'),
    none: of('none'),
  };
  const { whole, bare, sealed, unlabelled, quiet } = trial;
  await stack.apply(
    ...[whole, bare, sealed, unlabelled, quiet].map((id) => aProject(stack.simulator.url, id)),
    aSecret(whole, aKey()),
    aClient(whole, whole),
    aClient(`${quiet}-client`, quiet),
  );
  await stack.kube.create(pathOf(CORE_API, stack.namespaces.keys, 'secrets'), {
    metadata: { name: `${unlabelled}-key` },
    stringData: { apiKey: aKey() },
  });
  await vault.put({ name: `${sealed}-key`, key: 'apiKey' }, new SecretString(aKey()));
  return trial;
}

const deposit = (base: string, projectId: string): Promise<Answer> =>
  stack.admin('/projects/key', { base, body: { project_id: projectId, openai_key: aKey() } });

interface Tried {
  url: string;
  opsUrl: string;
}

/** Each feature tried by itself, on what was there before the service started. */
async function lostBy(trial: Trial, service: Parameters<typeof isReady>[0] & Tried): Promise<string[]> {
  if (!(await soon(() => isReady(service), SEEN_MS))) return ['ready'];
  const { url } = service;
  const followed = await Promise.all([
    trying('projects followed', () => followsProjects(url, trial)),
    trying('clients followed', () => followsClients(url, trial)),
    trying('keys followed', () => followsKeys(url, trial)),
    trying('project made', async () => (await deposit(url, trial.none)).status === 201),
    trying('first key', async () => (await deposit(url, trial.bare)).status === 201),
    trying('rotation', async () => (await deposit(url, trial.sealed)).status === 200),
  ]);
  const removal = await trying('removal', async () => {
    const body = { project_id: trial.sealed };
    return (await stack.admin('/projects/key', { base: url, method: 'DELETE', body })).status === 200;
  });
  const suspended = await trying('project suspended', async () => {
    const body = { suspended: true };
    return (
      (await stack.admin(`/projects/${trial.bare}`, { base: url, method: 'PATCH', body })).status === 200
    );
  });
  const written = await Promise.all([
    trying('project status', () =>
      soon(async () => (await conditions('projects', trial.quiet)).length > 0, WRITTEN_MS),
    ),
    trying('client status', () =>
      soon(async () => (await conditions('clients', `${trial.quiet}-client`)).length > 0, WRITTEN_MS),
    ),
    trying('events', () =>
      soon(async () => {
        const events = await eventsOf(stack.kube, stack.namespaces.configuration, trial.quiet);
        return events.length > 0;
      }, WRITTEN_MS),
    ),
    trying('missing label', () =>
      soon(
        async () =>
          (await conditions('projects', trial.unlabelled)).some(
            ({ reason }) => reason === 'SecretNotLabelled',
          ),
        WRITTEN_MS,
      ),
    ),
  ]);
  const results = [...followed, removal, suspended, ...written];
  return results.filter(([, works]) => !works).map(([name]) => name);
}

async function trying(name: string, work: () => Promise<boolean>): Promise<[name: string, works: boolean]> {
  return [name, await work()];
}

function soon(ask: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  return until('it works', ask, withinMs).then(
    () => true,
    () => false,
  );
}

async function conditions(plural: string, name: string): Promise<{ reason: string }[]> {
  const status = (await stack.kube.cluster.find(resourcePath(plural, name)))?.['status'];
  return (status as { conditions?: { reason: string }[] } | undefined)?.conditions ?? [];
}

async function followsProjects(base: string, { whole }: Trial): Promise<boolean> {
  await stack.kube.patch(resourcePath('projects', whole), { spec: { session: { maxConcurrent: 77 } } });
  return soon(async () => {
    const { json } = await stack.admin('/projects', { base });
    const projects = json.projects as { project_id: string; max_concurrent: number }[];
    return projects.some((project) => project.project_id === whole && project.max_concurrent === 77);
  }, SEEN_MS);
}

async function followsClients(base: string, { whole }: Trial): Promise<boolean> {
  await stack.kube.patch(resourcePath('clients', whole), { spec: { maxConcurrent: 66 } });
  return soon(async () => {
    const { json } = await stack.admin('/clients', { base });
    const clients = json.clients as { name: string; max_concurrent: number }[];
    return clients.some((client) => client.name === whole && client.max_concurrent === 66);
  }, SEEN_MS);
}

async function followsKeys(base: string, { whole }: Trial): Promise<boolean> {
  const key = aKey();
  await stack.apply(aSecret(whole, key));
  return soon(async () => {
    await stack.request('/session', { base, body: { project_id: whole } });
    return stack.simulator.seen().by_key[fingerprintOf(key)] !== undefined;
  }, SEEN_MS);
}
