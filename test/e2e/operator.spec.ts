import { pathOf, VESTIBULE_API } from '../../src/kubernetes/resource-paths.ts';
import { hasStatus } from '../../src/kubernetes/kubernetes-error.ts';
import { ask } from '../support/ask.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { isReady } from '../support/services.ts';
import { until } from '../support/until.ts';
import { type ClusterStack, startClusterStack } from './support/cluster-stack.ts';
import { eventsOf, ProjectWatch } from './support/project-watch.ts';

const TAKEOVER_MS = 15_000;

let stack: ClusterStack;

beforeAll(async () => {
  stack = await startClusterStack({ processes: 3 });
});
afterAll(async () => {
  await stack.stop();
});

const nameOf = (projectId: string): string => projectId.replaceAll('_', '-');
const projectPath = (projectId: string): string =>
  pathOf(VESTIBULE_API, stack.namespaces.configuration, 'projects', nameOf(projectId));
interface Status {
  observedGeneration?: number;
  activeSessions?: number;
  keyFingerprint?: string;
  conditions?: {
    type: string;
    status: string;
    reason: string;
    message: string;
    lastTransitionTime: string;
  }[];
}

async function statusAt(path: string): Promise<Status> {
  return (await stack.kube.cluster.find(path))?.['status'] ?? {};
}
const statusOf = (projectId: string): Promise<Status> => statusAt(projectPath(projectId));

const reasonOf = ({ conditions = [] }: Status, type: string): string | undefined =>
  conditions.find((condition) => condition.type === type)?.reason;

async function isLeader(service: ServiceProcess): Promise<boolean> {
  return (await ask(`${service.opsUrl}/metrics`)).text.includes('\noperator_leader 1\n');
}

async function leader(among: ServiceProcess[], withinMs = TAKEOVER_MS): Promise<ServiceProcess> {
  return until(
    'one of them leads',
    async () => {
      const leads = await Promise.all(among.map(isLeader));
      return leads.filter(Boolean).length === 1 && among[leads.indexOf(true)];
    },
    withinMs,
  );
}

const apply = (projectId: string, spec: Record<string, unknown> = {}): Promise<void> =>
  stack.apply(aProject(stack.simulator.url, projectId, spec));
const untilReason = (projectId: string, type: string, reason: string): Promise<unknown> =>
  until(
    `${projectId} is ${reason}`,
    async () => reasonOf(await statusOf(projectId), type) === reason,
    15_000,
  );

describe('the status of a project', () => {
  it('tells what is so, for the generation that it was found for', async () => {
    const key = aKey();
    await stack.apply(aProject(stack.simulator.url, 'proj_told'), aSecret('proj_told', key));
    await untilReason('proj_told', 'Ready', 'Ready');
    const opened = await stack.request('/session', { body: { project_id: 'proj_told' } });
    expect(opened.status).toBe(200);
    await until(
      'the session is counted',
      async () => (await statusOf('proj_told')).activeSessions === 1,
      15_000,
    );
    await stack.kube.patch(projectPath('proj_told'), { spec: { suspended: true } });
    await untilReason('proj_told', 'Ready', 'Suspended');
    const status = await statusOf('proj_told');
    expect(status.observedGeneration).toBe(2);
    expect(reasonOf(status, 'KeyLoaded')).toBe('KeyLoaded');
    await until(
      'the session is over',
      async () => (await statusOf('proj_told')).activeSessions === 0,
      15_000,
    );
  });

  it('names a base URL that is not allowed, and the field', async () => {
    await stack.apply(
      { ...aProject('https://elsewhere.example/v1', 'proj_elsewhere') },
      aSecret('proj_elsewhere', aKey()),
    );
    await untilReason('proj_elsewhere', 'Ready', 'BaseUrlNotAllowed');
    await until('an Event names the field', async () => {
      const events = await eventsOf(stack.kube, stack.namespaces.configuration, 'proj-elsewhere');
      return events.some(({ message }) => message.includes('/spec/provider/baseUrl'));
    });
  });

  it('of the younger of two with one id says whose the id is, until the older goes', async () => {
    await stack.apply(aProject(stack.simulator.url, 'proj_twice'), aSecret('proj_twice', aKey()));
    await untilReason('proj_twice', 'Ready', 'Ready');
    const younger = aProject(stack.simulator.url, 'proj_twice');
    await stack.apply({ ...younger, metadata: { name: 'proj-younger' } });
    const path = pathOf(VESTIBULE_API, stack.namespaces.configuration, 'projects', 'proj-younger');
    await until('it is told', async () => reasonOf(await statusAt(path), 'Ready') === 'DuplicateProjectId');
    await stack.kube.remove(projectPath('proj_twice'));
    await until(
      'the younger has it',
      async () => reasonOf(await statusAt(path), 'Ready') !== 'DuplicateProjectId',
    );
  });

  it('has Events for its transitions, and no other', async () => {
    await stack.apply(aProject(stack.simulator.url, 'proj_events'), aSecret('proj_events', aKey()));
    await untilReason('proj_events', 'Ready', 'Ready');
    const before = await until('it is told', async () => {
      const events = await eventsOf(stack.kube, stack.namespaces.configuration, 'proj-events');
      return events.some(({ reason }) => reason === 'Ready') && events;
    });
    // The generation changes, and no condition.
    await stack.kube.patch(projectPath('proj_events'), { spec: { limits: { requests: 99 } } });
    await until(
      'it was looked at',
      async () => (await statusOf('proj_events')).observedGeneration === 2,
      15_000,
    );
    expect(await eventsOf(stack.kube, stack.namespaces.configuration, 'proj-events')).toEqual(before);
    await stack.kube.patch(projectPath('proj_events'), { spec: { suspended: true } });
    await untilReason('proj_events', 'Ready', 'Suspended');
    const told = await until('it is told', async () => {
      const events = await eventsOf(stack.kube, stack.namespaces.configuration, 'proj-events');
      return events.length > before.length && events;
    });
    expect(told.length - before.length).toBe(1);
  });
});

describe('the status of a client', () => {
  it('follows its project', async () => {
    const path = pathOf(VESTIBULE_API, stack.namespaces.configuration, 'clients', 'follower');
    const ready = async (): Promise<string | undefined> => reasonOf(await statusAt(path), 'Ready');
    await stack.apply(aClient('follower', 'proj_followed'));
    await until('it has no project', async () => (await ready()) === 'ProjectNotFound', 15_000);
    await apply('proj_followed');
    await until('its project has no key', async () => (await ready()) === 'ProjectNotReady', 15_000);
    await stack.apply(aSecret('proj_followed', aKey()));
    await until('it is ready', async () => (await ready()) === 'Ready', 15_000);
  });
});

describe('a suspended or deleted project', () => {
  it.each(['suspended', 'deleted'])(
    'that is %s opens nothing and has no live session after 1 s, on every replica',
    async (how) => {
      const projectId = `proj_${how}`;
      await stack.apply(aProject(stack.simulator.url, projectId), aSecret(projectId, aKey()));
      const sessions = await Promise.all(
        stack.services.map(({ url }) =>
          until('it opens a session', async () => {
            const answer = await stack.request('/session', { base: url, body: { project_id: projectId } });
            return answer.status === 200 && answer;
          }),
        ),
      );
      if (how === 'suspended') await stack.kube.patch(projectPath(projectId), { spec: { suspended: true } });
      else await stack.kube.request({ method: 'DELETE', path: projectPath(projectId) });
      const refused = how === 'suspended' ? 403 : 401;
      await Promise.all(
        stack.services.map(({ url }, index) =>
          until(
            'it is refused and its session is over',
            async () => {
              const again = await stack.request('/session', { base: url, body: { project_id: projectId } });
              const session = await stack.request(`/session/${sessions[index]!.json.session_id}`, {
                base: url,
                headers: { authorization: `Bearer ${sessions[index]!.json.lease_token}` },
              });
              return again.status === refused && session.json.state === 'terminated';
            },
            1_000,
          ),
        ),
      );
    },
  );
});

describe('the replica that writes status', () => {
  it('is another within 15 s of its kill -9, and no condition is lost or flaps', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `proj_steady_${index}`);
    await stack.apply(...ids.map((id) => aProject(stack.simulator.url, id)));
    await stack.apply(...ids.map((id) => aSecret(id, aKey())));
    for (const id of ids) await untilReason(id, 'Ready', 'Ready');
    const watch = await ProjectWatch.start(stack.kube, stack.namespaces.configuration);
    const killed = await leader(stack.services);
    killed.kill('SIGKILL');
    await killed.exited;
    const survivors = stack.services.filter((service) => service !== killed);
    // Half of them change while nobody writes.
    const [suspended, untouched] = [ids.slice(0, 10), ids.slice(10)];
    for (const id of suspended) await stack.kube.patch(projectPath(id), { spec: { suspended: true } });
    await leader(survivors);
    for (const id of suspended) await untilReason(id, 'Ready', 'Suspended');
    for (const id of suspended) await stack.kube.patch(projectPath(id), { spec: { suspended: false } });
    for (const id of suspended) await untilReason(id, 'Ready', 'Ready');
    watch.stop();
    const transitions = (id: string): string[] =>
      watch.seen
        .filter(({ project, type }) => project === nameOf(id) && type === 'Ready')
        .map(({ reason }) => reason);
    for (const id of suspended)
      expect(transitions(id).filter((reason) => reason !== 'Ready')).toEqual(['Suspended']);
    for (const id of untouched)
      expect(
        watch.seen.filter(({ project, status }) => project === nameOf(id) && status === 'False'),
      ).toEqual([]);
    const back = await stack.addService();
    await until('the new one is ready', () => isReady(back));
    stack.services.splice(stack.services.indexOf(killed), 1);
  }, 120_000);

  it('hands over at once when it stops', async () => {
    const stopped = await leader(stack.services);
    await stopped.stop();
    stack.services.splice(stack.services.indexOf(stopped), 1);
    await leader(stack.services, 5_000);
    await stack.addService();
  });

  it('writes nothing old after a pause in which another took over', async () => {
    await apply('proj_paused');
    await untilReason('proj_paused', 'KeyLoaded', 'KeyMissing');
    const paused = await leader(stack.services);
    paused.kill('SIGSTOP');
    try {
      const others = stack.services.filter((service) => service !== paused);
      await leader(others);
      await stack.apply(aSecret('proj_paused', aKey()));
      await untilReason('proj_paused', 'Ready', 'Ready');
    } finally {
      paused.kill('SIGCONT');
    }
    const watch = await ProjectWatch.start(stack.kube, stack.namespaces.configuration);
    await until('it is back', () => isReady(paused));
    const before = (await statusOf('proj_paused')).keyFingerprint;
    await stack.apply(aSecret('proj_paused', aKey()));
    await until(
      'the new key is told',
      async () => (await statusOf('proj_paused')).keyFingerprint !== before,
      15_000,
    );
    watch.stop();
    expect(watch.seen.filter(({ status }) => status === 'False')).toEqual([]);
    expect((await Promise.all(stack.services.map(isLeader))).filter(Boolean)).toHaveLength(1);
  }, 120_000);

  it('could not write a status on an old version of its project', async () => {
    const stale = await stack.kube.cluster.find(projectPath('proj_paused'));
    await stack.kube.patch(projectPath('proj_paused'), { spec: { suspended: true } });
    await untilReason('proj_paused', 'Ready', 'Suspended');
    const { uid, resourceVersion } = stale!.metadata;
    const written = await stack.kube
      .patch(`${projectPath('proj_paused')}/status`, {
        metadata: { uid, resourceVersion },
        status: { activeSessions: 7 },
      })
      .catch((error: unknown) => hasStatus(error, 409) && 'refused');
    expect(written).toBe('refused');
  });
});
