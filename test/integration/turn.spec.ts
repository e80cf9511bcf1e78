import { createHmac } from 'node:crypto';
import { answerJson, type CloudflareStandIn, startCloudflare } from '../support/cloudflare-turn.ts';
import {
  aClient,
  aKey,
  aProject,
  aSecret,
  aSecretOfRelays,
  aTurnSecret,
  writeManifests,
} from '../support/manifests.ts';
import { parseMetrics } from '../support/metrics-text.ts';
import { exchange } from '../support/raw-http.ts';
import { lapse } from '../support/session-records.ts';
import { type Answer, ask, PROJECT, type RequestOptions, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const STUN = { urls: ['stun:stun.cloudflare.com:3478'] };
const STUN_ONLY = { iceServers: [STUN], ttl: 600, _turn_enabled: false };
const URLS = ['turn:relay.example.com:3478?transport=udp', 'turns:relay.example.com:5349'];
/** A change of the vault takes effect within this time. */
const SEEN_MS = 1_000;
/** The deadline of Cloudflare's answer, and what a loaded machine adds. */
const CLOUDFLARE_MS = { least: 2_400, most: 3_500 };

interface Relay {
  urls: string[];
  username: string;
  credential: string;
}

interface Opened {
  session_id: string;
  lease_token: string;
  turn_credentials: { iceServers: [unknown, Relay] };
}

const roomy = { session: { maxConcurrent: 10_000 } };
const cloudflareProjects = ['first', 'flooded', 'away', 'slow', 'hostile', 'rotated', 'idle'].map(
  (name) => `proj_cloud_${name}`,
);

let stack: Stack;
let cloudflare: CloudflareStandIn;
const shared = aTurnSecret();
const fixed = aTurnSecret();
const victim = aKey();

beforeAll(async () => {
  cloudflare = await startCloudflare();
  const coturn = (name: string, more = {}): Record<string, unknown> => ({
    ...roomy,
    turn: { type: 'coturn', urls: URLS, secretRef: { name }, ...more },
  });
  const cloud = { type: 'cloudflare', keyId: cloudflare.keyId, secretRef: { name: 'cloud' } };
  const projects: Record<string, Record<string, unknown>> = {
    proj_coturn: coturn('coturn'),
    proj_own_stun: coturn('coturn', { urls: ['stun:relay.example.com', ...URLS], ttlSeconds: 90 }),
    proj_listed: { ...coturn('coturn'), access: { allowedOrigins: ['https://app.example.com'] } },
    proj_late: coturn('late'),
    proj_static: {
      ...roomy,
      turn: { type: 'static', urls: URLS, username: 'everybody', secretRef: { name: 'static' } },
    },
    proj_victim: { keySecretRef: { name: 'victim', key: 'turnKey' } },
    proj_thief: {
      turn: { type: 'static', urls: URLS, username: 'x', secretRef: { name: 'victim', key: 'turnKey' } },
    },
    ...Object.fromEntries(
      cloudflareProjects.map((id) => [
        id,
        {
          ...roomy,
          turn: id === 'proj_cloud_rotated' ? { ...cloud, secretRef: { name: 'rotated' } } : cloud,
        },
      ]),
    ),
  };
  stack = await startStack({
    environment: { VESTIBULE_TURN_CLOUDFLARE_URL: cloudflare.url },
    manifests: (baseUrl) => [
      ...Object.entries(projects).flatMap(([id, spec]) => [aProject(baseUrl, id, spec), aSecret(id, aKey())]),
      aSecretOfRelays('coturn', shared),
      aSecretOfRelays('static', fixed),
      aSecretOfRelays('cloud', cloudflare.token),
      { ...aSecretOfRelays('victim', ''), stringData: { turnKey: victim } },
      aClient('acme', 'proj_coturn'),
      aClient('zenith', 'proj_coturn'),
      aClient('fixed', 'proj_static'),
      aClient('cloudy', 'proj_cloud_flooded'),
      aClient('thief', 'proj_thief'),
      aClient('late', 'proj_late'),
      aClient('plain', PROJECT),
    ],
  });
});
afterAll(async () => {
  await stack.stop();
  await cloudflare.close();
});
beforeEach(() => {
  cloudflare.mend();
  cloudflare.asked.length = 0;
});

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const as = async (client: string): Promise<Record<string, string>> => bearer(await stack.token(client));
const open = async (projectId: string): Promise<Opened> => {
  const { status, json } = await stack.request('/session', { body: { project_id: projectId } });
  expect(status).toBe(200);
  return json as Opened;
};
const credentials = (query = '', options: RequestOptions = {}): Promise<Answer> =>
  stack.request(`/turn-credentials${query}`, options);
const withLease = (token: string, query = ''): Promise<Answer> =>
  credentials(query, { headers: bearer(token) });
const relayOf = ({ json }: Answer): Relay => (json.iceServers as [unknown, Relay])[1];
const told = (projectId: string): unknown[] =>
  stack.services[0]!.output.map(
    (line) => JSON.parse(line) as { project?: string; msg: string; level: string; problem?: string },
  )
    .filter(({ project }) => project === projectId.replaceAll('_', '-'))
    .map(({ level, msg, problem }) => [level, msg, problem]);
const counted = async (project: string): Promise<Record<string, number>> => {
  const { samples } = parseMetrics((await ask(`${stack.opsUrl}/metrics`)).text);
  const found = samples.filter(
    ({ name, labels }) => name === 'turn_requests_total' && labels['project'] === project,
  );
  return Object.fromEntries(found.map(({ labels, value }) => [labels['outcome'], value]));
};

function expectSigned({ username, credential, urls }: Relay, userId: RegExp, ttl = 600): void {
  const [, expiry, user] = /^(\d+):(.+)$/.exec(username)!;
  expect(urls).toEqual(URLS);
  expect(user).toMatch(userId);
  expect(Math.abs(Number(expiry) - Date.now() / 1000 - ttl)).toBeLessThan(5);
  expect(credential).toBe(createHmac('sha1', shared).update(username).digest('base64'));
}

function expectVaultOnly({ status, json }: Answer): void {
  expect([status, json.error, json.message]).toEqual([
    401,
    'unauthorized',
    expect.stringContaining('vault-only'),
  ]);
}

describe('a coturn', () => {
  it('takes who opened a session, in either flow, as that session', async () => {
    const vault = await open('proj_coturn');
    const { json: commercial } = await stack.request('/session', {
      method: 'POST',
      headers: await as('acme'),
    });
    for (const { session_id: id, turn_credentials: turn } of [vault, commercial as Opened]) {
      expect(turn).toEqual({ iceServers: [STUN, expect.anything()] });
      expectSigned(turn.iceServers[1], new RegExp(`^${id}$`));
    }
  });

  it('takes the holder of a lease token as that session', async () => {
    const { session_id: id, lease_token: token } = await open('proj_coturn');
    const answer = await withLease(token);
    expect(answer.json).toEqual({
      iceServers: [STUN, expect.anything()],
      ttl: 600,
      _turn_enabled: true,
      _auth_method: 'lease_token',
    });
    expectSigned(relayOf(answer), new RegExp(`^${id}$`));
    expect((await withLease(token, '?project_id=proj_coturn')).status).toBe(200);
  });

  it('takes a client by a pseudonym that is its own', async () => {
    const [one, again, other] = await Promise.all(
      ['acme', 'acme', 'zenith'].map(async (client) => credentials('', { headers: await as(client) })),
    );
    expect(one!.json).toMatchObject({ ttl: 600, _turn_enabled: true, _auth_method: 'jwt' });
    const users = [one!, again!, other!].map((answer) => {
      expectSigned(relayOf(answer), /^[0-9a-f]{32}$/);
      return relayOf(answer).username.split(':')[1];
    });
    expect(users[1]).toBe(users[0]);
    expect(users[2]).not.toBe(users[0]);
  });

  it('may have a STUN of its own, and another time to live', async () => {
    const { turn_credentials: turn, lease_token: token } = await open('proj_own_stun');
    expect(turn.iceServers[0]).toEqual({ urls: ['stun:relay.example.com'] });
    expectSigned(turn.iceServers[1], /^ses_/, 90);
    expect((await withLease(token)).json.ttl).toBe(90);
    expect((await credentials('?project_id=proj_own_stun')).json.iceServers).toEqual([turn.iceServers[0]]);
  });

  it('is not told of to who only names the project', async () => {
    const { status, json } = await credentials('?project_id=proj_coturn');
    expect([status, json]).toEqual([200, { ...STUN_ONLY, _auth_method: 'project_id' }]);
  });

  it('is not told of by a project that has none, which is not counted', async () => {
    const { turn_credentials: turn, lease_token: token } = await open(PROJECT);
    expect(turn).toEqual({ iceServers: [STUN] });
    expect((await withLease(token)).json).toEqual({ ...STUN_ONLY, _auth_method: 'lease_token' });
    expect((await credentials('', { headers: await as('plain') })).json).toEqual({
      ...STUN_ONLY,
      _auth_method: 'jwt',
    });
    expect(await counted(PROJECT)).toEqual({});
  });
});

describe('a lease token', () => {
  it('of no live session is refused like any other bad Authorization', async () => {
    const { session_id: ended, lease_token: endedToken } = await open('proj_coturn');
    const { session_id: lapsed, lease_token: lapsedToken } = await open('proj_coturn');
    const { lease_token: token } = await open('proj_coturn');
    await stack.admin(`/sessions/${ended}`, { method: 'DELETE' });
    await lapse(stack.database, lapsed);
    const unknown = `lt_${'0'.repeat(26)}${token.slice(-43)}`;
    const forged = `${token.slice(0, -43)}${'A'.repeat(43)}`;
    const mixed = `${token.slice(0, -43)}${lapsedToken.slice(-43)}`;
    const refusals = await Promise.all(
      [endedToken, lapsedToken, unknown, forged, mixed, token.slice(0, -1), `${token}A`, `${token}.x.y`].map(
        (one) => withLease(one, '?project_id=proj_coturn'),
      ),
    );
    for (const answer of refusals) expectVaultOnly(answer);
    expect((await withLease(token)).status).toBe(200);
  });

  it('is no way round a key header, and does not stand beside another Authorization', async () => {
    const { lease_token: token } = await open('proj_coturn');
    expectVaultOnly(await credentials('', { headers: { ...bearer(token), 'x-openai-api-key': '' } }));
    const [answer] = await exchange(
      stack.url,
      'GET /turn-credentials HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n' +
        `Authorization: Bearer ${token}\r\nAuthorization: Bearer ${aKey()}\r\n\r\n`,
    );
    expect(answer?.status).toBe(401);
  });

  it('opens no session', async () => {
    const { lease_token: token } = await open('proj_coturn');
    expectVaultOnly(
      await stack.request('/session', { headers: bearer(token), body: { project_id: 'proj_coturn' } }),
    );
  });

  it('is of one project, and no two', async () => {
    const { lease_token: token } = await open('proj_coturn');
    const [other, two] = await Promise.all([
      withLease(token, '?project_id=proj_static'),
      withLease(token, '?project_id=proj_coturn&project_id=proj_coturn'),
    ]);
    expect([other.status, other.json.error, two.status]).toEqual([403, 'forbidden', 400]);
  });

  it('lets a listed site read the answer, and no other', async () => {
    const { lease_token: token } = await open('proj_listed');
    const from = async (origin: string): Promise<string | null> =>
      (await credentials('', { headers: { ...bearer(token), origin } })).headers.get(
        'access-control-allow-origin',
      );
    expect(await from('https://app.example.com')).toBe('https://app.example.com');
    expect(await from('https://evil.example.net')).toBeNull();
  });
});

it('gives the one account of a static relay to who may have it', async () => {
  const { turn_credentials: turn, lease_token: token } = await open('proj_static');
  const relay = { urls: URLS, username: 'everybody', credential: fixed };
  expect(turn.iceServers).toEqual([STUN, relay]);
  expect(relayOf(await withLease(token))).toEqual(relay);
  expect(relayOf(await credentials('', { headers: await as('fixed') }))).toEqual(relay);
  expect((await credentials('?project_id=proj_static')).json).toEqual({
    ...STUN_ONLY,
    _auth_method: 'project_id',
  });
});

it('never gives what is a provider key by another project’s manifest', async () => {
  await open('proj_victim');
  const answer = await credentials('', { headers: await as('thief') });
  const { turn_credentials: turn } = await open('proj_thief');
  expect(answer.json).toEqual({ ...STUN_ONLY, _auth_method: 'jwt' });
  expect(turn).toEqual({ iceServers: [STUN] });
  expect(await counted('proj_thief')).toEqual({ secret_missing: 2 });
});

describe('a TURN secret', () => {
  it('that is not there refuses nobody, is told once, and is in use within 1 s when it comes and changes', async () => {
    const late = async (): Promise<Answer> => credentials('', { headers: await as('late') });
    for (const _ of [1, 2]) {
      expect((await open('proj_late')).turn_credentials).toEqual({ iceServers: [STUN] });
      expect((await late()).json).toEqual({ ...STUN_ONLY, _auth_method: 'jwt' });
    }
    expect(await counted('proj_late')).toEqual({ secret_missing: 4 });
    const { json } = await stack.admin('/projects');
    const shown = (json.projects as { project_id: string }[]).find((one) => one.project_id === 'proj_late');
    expect(shown).toMatchObject({ ready: true, conditions: [{ reason: 'TurnSecretMissing' }, {}] });
    const signedBy = async (secret: string): Promise<boolean> => {
      const relay = relayOf(await late()) as Relay | undefined;
      return (
        relay?.credential ===
        createHmac('sha1', secret)
          .update(relay?.username ?? '')
          .digest('base64')
      );
    };
    const [first, second] = [aTurnSecret(), aTurnSecret()];
    writeManifests(stack.directory, 'late.json', [aSecretOfRelays('late', first)]);
    await until('the secret is in use', () => signedBy(first), SEEN_MS);
    writeManifests(stack.directory, 'late.json', [aSecretOfRelays('late', second)]);
    await until('the other is in use', () => signedBy(second), SEEN_MS);
    await until('both changes are told', () => told('proj_late').length > 1);
    expect(told('proj_late')).toEqual([
      ['warn', 'the project gets no relays: STUN only', 'the vault has no TURN secret late/turnSecret'],
      ['info', 'the project gets relays again', undefined],
    ]);
  });
});

describe('Cloudflare', () => {
  it('gives a session relays without the ports that browsers block', async () => {
    const { turn_credentials: turn } = await open('proj_cloud_first');
    expect(turn.iceServers).toHaveLength(2);
    expect(JSON.stringify(turn)).not.toMatch(/:53["?]/);
    const relay = turn.iceServers[1];
    expect([relay.urls.length, relay.username.length, relay.credential.length]).toEqual([5, 64, 64]);
    expect(cloudflare.asked).toHaveLength(1);
  });

  it('is not asked for who only names the project', async () => {
    const { json } = await credentials('?project_id=proj_cloud_idle');
    expect(json).toEqual({ ...STUN_ONLY, _auth_method: 'project_id' });
    expect(cloudflare.asked).toEqual([]);
  });

  it('is asked once by 1,000 requests, who are told what is left', async () => {
    const headers = await as('cloudy');
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => credentials('', { headers })));
    expect(cloudflare.asked).toHaveLength(1);
    for (const { status, json } of answers) {
      expect([status, json._turn_enabled, json.iceServers]).toEqual([200, true, answers[0]!.json.iceServers]);
      expect(json.ttl).toBeLessThanOrEqual(600);
      expect(json.ttl).toBeGreaterThanOrEqual(570);
    }
    expect(await counted('proj_cloud_flooded')).toEqual({ relays: 1_000 });
  });

  it('that fails costs sessions their relays and nothing else, is asked once, and is told of once', async () => {
    cloudflare.answer = (response) => {
      answerJson(response, 'down', 500);
    };
    const opened = await Promise.all(Array.from({ length: 20 }, () => open('proj_cloud_away')));
    for (const { turn_credentials: turn } of opened) expect(turn).toEqual({ iceServers: [STUN] });
    const { json } = await withLease(opened[0]!.lease_token);
    expect(json).toEqual({ ...STUN_ONLY, _auth_method: 'lease_token' });
    expect(cloudflare.asked).toHaveLength(1);
    expect(await counted('proj_cloud_away')).toEqual({ provider_failed: 21 });
    expect(told('proj_cloud_away')).toEqual([
      ['warn', 'the project gets no relays: STUN only', 'Cloudflare answered with status 500'],
    ]);
  });

  it('that is slow holds a session up to its own deadline, beside the mint, and only the first', async () => {
    cloudflare.answer = () => undefined;
    stack.simulator.fault({ kind: 'latency', ms: 1_500 });
    const began = performance.now();
    expect((await open('proj_cloud_slow')).turn_credentials).toEqual({ iceServers: [STUN] });
    const took = performance.now() - began;
    stack.simulator.clearFaults();
    expect(took).toBeGreaterThan(CLOUDFLARE_MS.least);
    expect(took).toBeLessThan(CLOUDFLARE_MS.most);
    const again = performance.now();
    await open('proj_cloud_slow');
    expect(performance.now() - again).toBeLessThan(1_000);
  });

  it('is not believed when its answer is hostile', async () => {
    cloudflare.answer = (response) => {
      answerJson(response, {
        iceServers: [{ urls: ['turn:x', 'javascript:alert(1)'], username: 'u', credential: 'c' }],
      });
    };
    expect((await open('proj_cloud_hostile')).turn_credentials).toEqual({ iceServers: [STUN] });
  });

  it('is asked at once, and again, with a token that is new', async () => {
    writeManifests(stack.directory, 'rotated.json', [aSecretOfRelays('rotated', aTurnSecret())]);
    await until(
      'the wrong token is refused',
      async () => {
        expect((await open('proj_cloud_rotated')).turn_credentials).toEqual({ iceServers: [STUN] });
        return cloudflare.asked.length === 1;
      },
      SEEN_MS,
    );
    writeManifests(stack.directory, 'rotated.json', [aSecretOfRelays('rotated', cloudflare.token)]);
    await until(
      'the right one is in use',
      async () => {
        const { turn_credentials: turn } = await open('proj_cloud_rotated');
        return (turn.iceServers as unknown[]).length === 2;
      },
      SEEN_MS,
    );
    expect(cloudflare.asked).toHaveLength(2);
  });
});
