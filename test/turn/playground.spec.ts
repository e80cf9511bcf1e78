/** That a call of the playground can be relayed anew after the credentials that it began with have expired. */
import { PageBrowser } from '../pages/support/browser.ts';
import { Playground, TALKING } from '../pages/support/playground.ts';
import { type Coturn, startCoturn } from '../support/coturn.ts';
import { aKey, aProject, aSecret, aSecretOfRelays, aTurnSecret } from '../support/manifests.ts';
import type { Relay } from '../support/relayed-peers.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { allocate, hasExpired } from '../support/turn-allocation.ts';
import { until } from '../support/until.ts';

const JUMPING_CLOCK = new URL('../support/jumping-clock.ts', import.meta.url).href;
const RELAYED = 'proj_relayed';
const TTL_S = 60;
/** What is left of credentials where the clock is behind by the rest: a call is connected within this time. */
const LEFT_MS = 10_000;
/** Of credentials, by the page's clock. */
const NEARLY_EXPIRED = '00:50';
/** The page's call, and the relays that it was given, the last one last. */
const HELD_CALL = `
  const { setConfiguration, createDataChannel } = RTCPeerConnection.prototype;
  const relayOf = ({ iceServers }) => iceServers.find(({ username }) => username);
  globalThis.relays = [];
  RTCPeerConnection.prototype.createDataChannel = function (label) {
    globalThis.call = this;
    globalThis.relays.push(relayOf(this.getConfiguration()));
    return createDataChannel.call(this, label);
  };
  RTCPeerConnection.prototype.setConfiguration = function (configuration) {
    setConfiguration.call(this, configuration);
    globalThis.relays.push(relayOf(configuration));
  };
  undefined;
`;
/** The kinds of candidates that an ICE restart of the call finds. */
const RESTARTED = `
  (async () => {
    const found = new Set();
    const complete = new Promise((resolve) => {
      call.addEventListener('icecandidate', ({ candidate }) => {
        if (candidate === null) resolve();
        else if (candidate.candidate !== '') found.add(candidate.type);
      });
    });
    call.restartIce();
    await call.setLocalDescription();
    await complete;
    return [...found];
  })()
`;

let coturn: Coturn;
let stack: Stack;
let browser: PageBrowser;

beforeAll(async () => {
  const secret = aTurnSecret();
  coturn = await startCoturn([secret]);
  [stack, browser] = await Promise.all([
    startStack({
      manifests: (url) => [
        aProject(url, RELAYED, {
          // Longer than the page's clock is set forward.
          session: { leaseSeconds: 3_600 },
          turn: {
            ...{ type: 'coturn', urls: [coturn.url], secretRef: { name: 'relay' } },
            ttlSeconds: TTL_S,
          },
        }),
        aSecret(RELAYED, aKey()),
        aSecretOfRelays('relay', secret),
      ],
    }),
    PageBrowser.launch(TALKING),
  ]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
  await coturn.stop();
});

it('is relayed by credentials that are renewed when the first ones have expired', async () => {
  const { url } = await stack.addService({
    NODE_OPTIONS: `--import=${JUMPING_CLOCK}`,
    CLOCK_AHEAD_MS: String(LEFT_MS - TTL_S * 1000),
  });
  const playground = await Playground.open(stack, browser, { project: RELAYED, url });
  const { page, problems } = playground;
  const relays = (): Promise<Relay[]> => page.evaluate('relays');
  try {
    await page.evaluate(HELD_CALL);
    await page.clock.install();
    await page.getByLabel('Through a relay only').check();
    await playground.connect();
    await page.getByText(/^relay to /).waitFor();
    await until('it is told how long they hold', async () => (await relays()).length === 2);
    const expired = await relays();
    await until('they expire', () => expired.every(hasExpired), 2 * LEFT_MS);
    for (const relay of expired) expect(await allocate(coturn.port, relay)).toBe(401);
    await page.clock.fastForward(NEARLY_EXPIRED);
    await until('the call has others', async () => (await relays()).length === 3);
    expect(await page.evaluate(RESTARTED)).toEqual(['relay']);
    await playground.status('connected');
    expect(problems).toEqual([]);
  } finally {
    await playground.close();
  }
}, 60_000);
