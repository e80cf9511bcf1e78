import { CORE_API, pathOf, VESTIBULE_API } from '../../src/kubernetes/resource-paths.ts';
import { SERVICE_ACCOUNT_AUDIENCE } from '../../src/auth/service-account-verifier.ts';
import type { Answer } from '../support/ask.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { isReady } from '../support/services.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { aSigningKey, signed } from '../support/signing-keys.ts';
import { signToken } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { type ClusterStack, startClusterStack } from './support/cluster-stack.ts';

const PROJECT = 'proj_test';
/** The shortest that the API server gives. */
const TOKEN_LIVES_S = 600;
const JUMPING_CLOCK = new URL('../support/jumping-clock.ts', import.meta.url).pathname;
/** Both the service and the API server remember a token that held, each for 10 s. */
const DELETION_SEEN_MS = 30_000;

let stack: ClusterStack;
/** Where the callers' service accounts are. */
let shop: string;
/** By which authority each decides. */
let services: Record<'keys' | 'TokenReview', ServiceProcess>;

const MODES = ['keys', 'TokenReview'] as const;
type Mode = (typeof MODES)[number];

function accounts(name?: string): string {
  return pathOf(CORE_API, shop, 'serviceaccounts', name);
}

async function createAccount(name: string): Promise<void> {
  await stack.kube.create(accounts(), { metadata: { name } });
}

/** As the kubelet gets it for a pod that projects it. */
async function tokenOf(name: string, spec: Record<string, unknown> = {}): Promise<string> {
  const { status } = await stack.kube.create(`${accounts(name)}/token`, {
    spec: { audiences: [SERVICE_ACCOUNT_AUDIENCE], expirationSeconds: TOKEN_LIVES_S, ...spec },
  });
  return (status as { token: string }).token;
}

function callerOf(name: string, spec: Record<string, unknown> = {}): Record<string, unknown> {
  return aClient(name, PROJECT, {
    clientId: undefined,
    serviceAccount: { namespace: shop, name },
    ...spec,
  });
}

function open(mode: Mode, token: string): Promise<Answer> {
  return stack.request('/session', {
    base: services[mode].url,
    headers: { authorization: `Bearer ${token}` },
    body: {},
  });
}

async function expectRefused(mode: Mode, token: string): Promise<void> {
  const { status, json } = await open(mode, token);
  expect([status, json.error]).toEqual([401, 'unauthorized']);
  expect(json.message).toContain('vault-only');
}

async function untilStatus(mode: Mode, token: string, wanted: number, deadlineMs?: number): Promise<Answer> {
  const answered = async (): Promise<Answer | false> => {
    const answer = await open(mode, token);
    return answer.status === wanted && answer;
  };
  return until(`by ${mode}, the answer is ${wanted}`, answered, deadlineMs);
}

beforeAll(async () => {
  stack = await startClusterStack({
    grants: { tokenReview: true },
    environment: { NODE_OPTIONS: `--import ${JUMPING_CLOCK}` },
  });
  const reviewing = await stack.addService({ VESTIBULE_TOKEN_REVIEW: 'on' });
  services = { keys: stack.services[0]!, TokenReview: reviewing };
  shop = await stack.kube.createNamespace('shop');
  for (const name of ['web', 'stranger']) await createAccount(name);
  const roomy = { session: { maxConcurrent: 10_000 } };
  await stack.apply(aProject(stack.simulator.url, PROJECT, roomy), aSecret(PROJECT, aKey()), callerOf('web'));
  await until('the second service is ready', () => isReady(reviewing));
  const token = await tokenOf('web');
  for (const mode of MODES) await untilStatus(mode, token, 200);
});
afterAll(async () => {
  await stack.stop();
});

describe.each(MODES)('a service account’s token, judged by %s,', (mode) => {
  it('opens a session of its client, which the audit names', async () => {
    const { status, json } = await open(mode, await tokenOf('web'));
    expect([status, json.metadata]).toEqual([
      200,
      expect.objectContaining({ project_id: PROJECT, flow: 'commercial' }),
    ]);
    const rows = await stack.database.query(
      'SELECT actor, actor_kind FROM audit_events WHERE event = $1 AND session_id = $2',
      ['session_created', json.session_id],
    );
    expect(rows).toEqual([{ actor: `system:serviceaccount:${shop}:web`, actor_kind: 'client' }]);
  });

  it('opens one among other audiences', async () => {
    expect(
      (await open(mode, await tokenOf('web', { audiences: ['other', SERVICE_ACCOUNT_AUDIENCE] }))).status,
    ).toBe(200);
  });

  it('is refused for another audience, and for the API server’s own', async () => {
    await expectRefused(mode, await tokenOf('web', { audiences: ['other'] }));
    await expectRefused(mode, await tokenOf('web', { audiences: [] }));
  });

  it('is refused when no client is that service account', async () => {
    await expectRefused(mode, await tokenOf('stranger'));
  });

  it('is refused with another’s claims, half a signature, or a stranger’s signature', async () => {
    const [web, stranger] = await Promise.all([tokenOf('web'), tokenOf('stranger')]);
    const [header, claims = '', signature = ''] = web.split('.');
    await expectRefused(mode, [header, claims, stranger.split('.')[2]].join('.'));
    await expectRefused(mode, [header, claims, signature.slice(0, -20)].join('.'));
    const known = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as Record<string, unknown>;
    await expectRefused(mode, signed(aSigningKey('RS256'), known));
  });

  it('repeats nothing of a client that is called by its name', async () => {
    // Its resource has another name, and its tokens are signed by the service.
    const namesake = aClient('namesake', PROJECT, { clientId: 'web' });
    await stack.apply(namesake);
    const openOnce = (token: string): Promise<Answer> =>
      stack.request('/session', {
        base: services[mode].url,
        headers: { authorization: `Bearer ${token}`, 'idempotency-key': `once-${mode}` },
        body: {},
      });
    const own = await until('the namesake is served', async () => {
      const answer = await openOnce(await signToken(stack.jwtSecret, { sub: 'web' }));
      return answer.status === 200 && answer;
    });
    const pods = await openOnce(await tokenOf('web'));
    expect([pods.status, pods.headers.get('idempotency-replayed')]).toEqual([200, null]);
    expect(pods.json.session_id).not.toBe(own.json.session_id);
    const path = pathOf(VESTIBULE_API, stack.namespaces.configuration, 'clients', 'namesake');
    await stack.kube.remove(path);
    await until('it is gone', async () => !(await stack.admin('/clients')).text.includes('namesake'));
  });

  it('is refused while its client is suspended: 403', async () => {
    const token = await tokenOf('web');
    await stack.apply(callerOf('web', { suspended: true }));
    expect((await untilStatus(mode, token, 403)).json.error).toBe('suspended');
    await stack.apply(callerOf('web'));
    await untilStatus(mode, token, 200);
  });

  it('is refused when it is older than its client’s tokensNotBefore', async () => {
    const name = `rotated-${mode.toLowerCase()}`;
    await createAccount(name);
    await stack.apply(callerOf(name));
    const token = await tokenOf(name);
    await untilStatus(mode, token, 200);
    const later = new Date(Date.now() + 60_000).toISOString();
    await stack.apply(callerOf(name, { tokensNotBefore: later }));
    await untilStatus(mode, token, 401);
    await stack.apply(callerOf(name, { tokensNotBefore: new Date(Date.now() - 60_000).toISOString() }));
    await untilStatus(mode, token, 200);
  });

  it('cannot be had of Vestibule', async () => {
    const { status, json } = await stack.admin('/clients/web/token', {
      base: services[mode].url,
      body: {},
    });
    expect([status, json.error]).toEqual([400, 'invalid_request']);
  });
});

it('the token of a deleted account or pod is refused by TokenReview, and by keys not before it expires', async () => {
  const pods = pathOf(CORE_API, shop, 'pods');
  for (const name of ['leaving', 'staying']) {
    await createAccount(name);
    await stack.apply(callerOf(name));
  }
  const pod = await stack.kube.create(pods, {
    metadata: { name: 'leaving' },
    // Nobody places it: it need not run to have a token.
    spec: {
      serviceAccountName: 'staying',
      schedulerName: 'nobody',
      containers: [{ name: 'app', image: 'app' }],
    },
  });
  const { name, uid } = pod.metadata;
  const tokens = [
    await tokenOf('leaving'),
    await tokenOf('staying', { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } }),
  ];
  for (const token of tokens) for (const mode of MODES) await untilStatus(mode, token, 200);
  await Promise.all([stack.kube.remove(accounts('leaving')), stack.kube.remove(`${pods}/${name}`)]);
  for (const token of tokens) {
    await untilStatus('TokenReview', token, 401, DELETION_SEEN_MS);
    expect((await open('keys', token)).status).toBe(200);
  }
  expect((await open('TokenReview', await tokenOf('staying'))).status).toBe(200);
});

it('many may bring one token at once', async () => {
  const token = await tokenOf('web');
  const answers = await Promise.all(Array.from({ length: 40 }, () => open('TokenReview', token)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});

/** The last: the services' clocks stay ahead. */
it('an expired token is refused by both', async () => {
  const token = await tokenOf('web');
  for (const mode of MODES) {
    await untilStatus(mode, token, 200);
    // Signals that arrive together are one: a minute passes with each answer.
    await until(`by ${mode}, it has expired`, async () => {
      services[mode].kill('SIGUSR2');
      return (await open(mode, token)).status === 401;
    });
  }
});
