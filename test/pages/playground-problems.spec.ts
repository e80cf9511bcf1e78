import { aKey, aProject, aSecret } from '../support/manifests.ts';
import { PROJECT, type Stack, startStack } from '../support/stack.ts';
import { isReady } from '../support/services.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { accessibilityProblems, overflow, PageBrowser } from './support/browser.ts';
import { Playground, type PlaygroundOptions, TALKING } from './support/playground.ts';

const FREE_MS = 1_000;

const PROJECTS = {
  proj_one: { session: { maxConcurrent: 1 } },
  proj_suspended: { suspended: true },
  proj_rejected: {},
  proj_limited: { access: { perAddress: { requests: 1, windowSeconds: 60 } } },
  proj_quota: { limits: { sessionsPerMonth: 1 } },
  proj_models: { session: { models: ['gpt-realtime-2.1'] } },
};

let stack: Stack;
let browser: PageBrowser;
let playground: Playground;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    startStack({
      manifests: (url) =>
        Object.entries(PROJECTS).flatMap(([id, spec]) => [aProject(url, id, spec), aSecret(id, aKey())]),
    }),
    PageBrowser.launch(TALKING),
  ]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
});
afterEach(async () => {
  stack.simulator.clearFaults();
  await playground.close();
});

async function open(options?: PlaygroundOptions): Promise<Playground> {
  playground = await Playground.open(stack, browser, options);
  return playground;
}

async function take(project: string): Promise<void> {
  const { status } = await stack.request('/session', { body: { project_id: project } });
  expect(status).toBe(200);
}

interface Case {
  what: string;
  arrange?: () => Promise<void> | void;
  project?: string;
  says: RegExp;
}

const REFUSALS: Case[] = [
  { what: 'an unknown project', project: 'proj_unknown', says: /not open to you\s+Check the project id/ },
  { what: 'a suspended project', project: 'proj_suspended', says: /is suspended\s+Its operator has to/ },
  {
    what: 'all slots taken',
    arrange: () => take('proj_one'),
    project: 'proj_one',
    says: /All slots .* taken\s+End another conversation[^]*may succeed in [12]:\d\d/,
  },
  {
    what: 'too many requests',
    arrange: () => take('proj_limited'),
    project: 'proj_limited',
    says: /Too many requests\s+Wait[^]*may succeed in [01]:\d\d/,
  },
  {
    what: 'a month used up',
    arrange: () => take('proj_quota'),
    project: 'proj_quota',
    says: /month’s sessions are used up\s+Wait for the next month/,
  },
  {
    what: 'a provider that is down',
    arrange: () => {
      stack.simulator.fault({ kind: 'status', status: 500 });
    },
    says: /provider is down[^]*No slot was kept/,
  },
  {
    what: 'a provider that never answers',
    arrange: () => {
      stack.simulator.fault({ kind: 'never', route: 'client_secrets' });
    },
    says: /provider did not answer in time\s+No slot was kept/,
  },
  {
    what: 'a provider that is asked too often',
    arrange: () => {
      stack.simulator.fault({ kind: 'status', status: 429, retryAfter: 20 });
    },
    says: /provider wants fewer requests[^]*may succeed in 0:\d\d/,
  },
  {
    what: 'a key that the provider refuses',
    arrange: () => {
      stack.simulator.fault({ kind: 'status', status: 401 });
    },
    project: 'proj_rejected',
    says: /refuses this project’s key\s+Its operator has to deposit a new key/,
  },
  {
    what: 'a call that the provider refuses',
    arrange: () => {
      stack.simulator.fault({ kind: 'status', status: 400, route: 'calls' });
    },
    says: /provider refused the call[^]*Start again/,
  },
  {
    what: 'a provider that this browser does not reach',
    arrange: () => {
      stack.simulator.fault({ kind: 'hangup', route: 'calls' });
    },
    says: /cannot be reached from this browser\s+A firewall/,
  },
];

describe('the playground says what to do next', () => {
  it.each(REFUSALS)('about $what', async ({ arrange, project = PROJECT, says }) => {
    await arrange?.();
    await open({ project, width: 360 });
    const before = await playground.slotsTaken();
    await playground.start();
    expect(await playground.problem()).toMatch(says);
    await playground.status('not started');
    expect(await playground.slotsTaken()).toBe(before);
    expect(await accessibilityProblems(playground.page)).toEqual([]);
    expect(await overflow(playground.page)).toBe(0);
  });

  it('at the field that is wrong', async () => {
    await open({ project: 'proj_models' });
    const model = playground.page.getByLabel('Model');
    await model.fill('gpt-unknown');
    await playground.start();
    expect(await playground.problem()).toMatch(/not accepted\s+Check the model/);
    expect(await model.getAttribute('aria-invalid')).toBe('true');
    await model.fill('gpt-realtime-2.1');
    await playground.button('Try again').click();
    await playground.status('connected');
    expect(await playground.page.getByRole('alert').count()).toBe(0);
  });

  it('about a microphone that is not allowed, and takes no slot', async () => {
    await open();
    await playground.page.getByLabel('The microphone').check();
    await playground.start();
    expect(await playground.problem()).toMatch(/not allowed\s+Allow it[^]*or choose the tone/);
    expect(await playground.slotsTaken()).toBe(0);
  });

  it('about a microphone that another program holds', async () => {
    await open();
    await playground.page.evaluate(
      `navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotReadableError'); }; undefined`,
    );
    await playground.page.getByLabel('The microphone').check();
    await playground.start();
    expect(await playground.problem()).toMatch(/cannot be used just now\s+Another program may hold it/);
    expect(await playground.slotsTaken()).toBe(0);
  });

  it('about a relay that there is not', async () => {
    await open();
    await playground.page.getByLabel('Through a relay only').check();
    await playground.start();
    expect(await playground.problem()).toMatch(
      /gives no relay\s+It has none, or they cannot be had now[^]*Untick/,
    );
    await playground.slotIsFree(FREE_MS);
  });

  it('about a provider that hangs up', async () => {
    await open();
    await playground.connect();
    await stack.simulator.hangUpAll();
    expect(await playground.problem()).toMatch(/hung up\s+The slot is free/);
    await playground.slotIsFree(FREE_MS);
  });

  it('about a session that its operator ends', async () => {
    await open();
    await playground.connect();
    const { json } = await stack.admin(`/sessions?project_id=${PROJECT}&state=active`);
    const { status } = await stack.admin(`/sessions/${json.sessions[0].session_id}`, { method: 'DELETE' });
    expect(status).toBe(204);
    expect(await playground.problem()).toMatch(/session was ended\s+By its operator/);
    await playground.status('not started');
    expect(stack.simulator.seen().calls.open).toBe(0);
  });

  it('about a database that is away, and goes on when it is back', async () => {
    const { hostname, port } = new URL(stack.database.servingUrl);
    const proxy = await TcpProxy.start(() => ({ host: hostname, port: Number(port) }));
    const through = new URL(stack.database.servingUrl);
    through.host = `127.0.0.1:${proxy.port}`;
    const service = await stack.addService({ DATABASE_URL: through.href });
    try {
      await open({ url: service.url });
      const lift = proxy.impose({ kind: 'refuse' });
      await playground.start();
      expect(await playground.problem()).toMatch(
        /cannot be opened just now\s+The database[^]*may succeed in/,
      );
      lift();
      await until('the service is ready again', () => isReady(service));
      await playground.button('Try again').click();
      await playground.status('connected');
      // While the service that it tells is there.
      await playground.button('End').click();
      await playground.slotIsFree(FREE_MS);
    } finally {
      await service.stop();
      await proxy.stop();
    }
  });

  it('about a service that does not answer', async () => {
    const service = await stack.addService();
    await open({ url: service.url });
    await service.stop();
    await playground.start();
    expect(await playground.problem()).toMatch(/Vestibule does not answer\s+Check your connection/);
  });
});

describe('a browser that no voice leaves', () => {
  it('is told that there is no way through', async () => {
    const closed = await PageBrowser.launch([
      ...TALKING,
      '--webrtc-ip-handling-policy=disable_non_proxied_udp',
    ]);
    try {
      playground = await Playground.open(stack, closed);
      await playground.start();
      expect(await playground.problem()).toMatch(/No way through for the voice\s+UDP is probably blocked/);
      await playground.slotIsFree(FREE_MS);
    } finally {
      await closed.close();
    }
  });
});
