import { createHmac } from 'node:crypto';
import { type Coturn, startCoturn } from '../support/coturn.ts';
import {
  aClient,
  aKey,
  aProject,
  aSecret,
  aSecretOfRelays,
  aTurnSecret,
  writeManifests,
} from '../support/manifests.ts';
import { type Relay, talkThrough } from '../support/relayed-peers.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { allocate, hasExpired, permit } from '../support/turn-allocation.ts';
import { until } from '../support/until.ts';

const JUMPING_CLOCK = new URL('../support/jumping-clock.ts', import.meta.url).href;
const HOUR_MS = 3_600_000;
/** Its credentials live as short as they can. */
const BRIEF = 'proj_brief';
const BRIEF_TTL_S = 60;
/** What is left of them where the clock is behind by the rest. */
const LEFT_MS = 5_000;
/** A change of the vault takes effect within this time. */
const SEEN_MS = 1_000;

let coturn: Coturn;
let stack: Stack;
const [shared, next, foreign] = [aTurnSecret(), aTurnSecret(), aTurnSecret()];

beforeAll(async () => {
  coturn = await startCoturn([shared, next]);
  stack = await startStack({
    project: {
      session: { maxConcurrent: 1000 },
      turn: { type: 'coturn', urls: [coturn.url], secretRef: { name: 'relay' } },
    },
    manifests: (url) => [
      aClient('acme', PROJECT),
      aProject(url, BRIEF, {
        turn: {
          ...{ type: 'coturn', urls: [coturn.url], secretRef: { name: 'relay' } },
          ttlSeconds: BRIEF_TTL_S,
        },
      }),
      aSecret(BRIEF, aKey()),
    ],
  });
  await share(shared);
});
afterAll(async () => {
  await coturn.stop();
  await stack.stop();
});

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const open = (): Promise<Answer> => stack.request('/session', { body: { project_id: PROJECT } });
const relayOf = (iceServers: unknown): Relay => (iceServers as [unknown, Relay])[1];
const relayOfSession = async (): Promise<Relay> => relayOf((await open()).json.turn_credentials.iceServers);
const relayOfLease = async (token: string, base = stack.url): Promise<Relay> =>
  relayOf((await stack.request('/turn-credentials', { headers: bearer(token), base })).json.iceServers);
const allocatedTo = (relay: Relay): Promise<'allocated' | number> => allocate(coturn.port, relay);

/** Lays the secret into the vault, and waits until a session is signed by it. */
async function share(secret: string): Promise<Relay> {
  writeManifests(stack.directory, 'relay.json', [aSecretOfRelays('relay', secret)]);
  return until(
    'the secret is in use',
    async () => {
      const relay = (await relayOfSession()) as Relay | undefined;
      const signed = createHmac('sha1', secret)
        .update(relay?.username ?? '')
        .digest('base64');
      return relay?.credential === signed && relay;
    },
    SEEN_MS,
  );
}

it('understands all of the configuration that the page shows', () => {
  const complaints = coturn.log.filter((line) => /bad configuration|config error/i.test(line));
  expect(complaints).toEqual([]);
});

it('allocates a relay to a session, to its lease token and to a client', async () => {
  const { json } = await open();
  expect(await allocatedTo(relayOf(json.turn_credentials.iceServers))).toBe('allocated');
  expect(await allocatedTo(await relayOfLease(json.lease_token as string))).toBe('allocated');
  const headers = bearer(await stack.token('acme'));
  const { json: told } = await stack.request('/turn-credentials', { headers });
  expect(await allocatedTo(relayOf(told.iceServers))).toBe('allocated');
});

it.each([
  '10.0.0.1',
  '100.64.0.1',
  '169.254.169.254',
  '192.0.0.8',
  '198.18.0.1',
  '240.0.0.1',
  'fd00::1',
  'fe80::1',
  // 10.0.0.1 and 169.254.169.254 by other names: mapped, by NAT64, by 6to4.
  '::ffff:a00:1',
  '::ffff:a9fe:a9fe',
  '64:ff9b::a00:1',
  '64:ff9b:1::a00:1',
  '2002:a00:1::1',
])('does not talk to %s, which may be a network of its own', async (peer) => {
  expect(await permit(coturn.port, await relayOfSession(), peer)).toBe(403);
});

it.each(['203.0.113.1', '2001:db8::1'])('may talk to %s', async (peer) => {
  expect(await permit(coturn.port, await relayOfSession(), peer)).toBe('permitted');
});

it('carries what two WebRTC peers say to each other that reach nothing but their relays', async () => {
  const { candidates, heard } = await talkThrough([await relayOfSession(), await relayOfSession()], 'hello');
  expect(heard).toBe('hello');
  expect(candidates).toEqual([
    expect.stringContaining(' typ relay '),
    expect.stringContaining(' typ relay '),
  ]);
});

it('refuses credentials that have expired', async () => {
  const late = await stack.addService({
    NODE_OPTIONS: `--import=${JUMPING_CLOCK}`,
    CLOCK_AHEAD_MS: String(-HOUR_MS),
  });
  const { json } = await open();
  const relay = await relayOfLease(json.lease_token as string, late.url);
  expect(Number(relay.username.split(':')[0])).toBeLessThan(Date.now() / 1000 - 2_000);
  expect(await allocatedTo(relay)).toBe(401);
});

it('allocates to the lease token of a session whose first credentials have expired', async () => {
  const { url: base } = await stack.addService({
    NODE_OPTIONS: `--import=${JUMPING_CLOCK}`,
    CLOCK_AHEAD_MS: String(LEFT_MS - BRIEF_TTL_S * 1000),
  });
  const { json } = await stack.request('/session', { base, body: { project_id: BRIEF } });
  const first = relayOf(json.turn_credentials.iceServers);
  expect(await allocatedTo(first)).toBe('allocated');
  await until('they expire', () => hasExpired(first), 2 * LEFT_MS);
  expect(await allocatedTo(first)).toBe(401);
  expect(await allocatedTo(await relayOfLease(json.lease_token as string, base))).toBe('allocated');
});

it('refuses the credential of another user name, and another credential', async () => {
  const relay = await relayOfSession();
  const [expiry = '', user = ''] = relay.username.split(':');
  expect(await allocatedTo({ ...relay, username: `${Number(expiry) + 1}:${user}` })).toBe(401);
  expect(await allocatedTo({ ...relay, credential: foreign })).toBe(401);
  expect(await allocatedTo(relay)).toBe('allocated');
});

it('takes each of two secrets, so that one can be rotated, and no other', async () => {
  expect(await allocatedTo(await share(next))).toBe('allocated');
  expect(await allocatedTo(await share(foreign))).toBe(401);
  expect(await allocatedTo(await share(shared))).toBe('allocated');
});
