/** The flow that the playground and docs/api.md show for a page, run in one. */
import { blocksOf } from '../docs/support/blocks.ts';
import {
  aKey,
  aProject,
  aSecret,
  aSecretOfRelays,
  aTurnSecret,
  writeManifests,
} from '../support/manifests.ts';
import { PROJECT, type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { type OpenedPage, PageBrowser } from './support/browser.ts';
import { TALKING } from './support/playground.ts';

const CONNECTED_MS = 20_000;
const RELAYED = 'proj_relayed';
/** Of credentials, that are good for ten minutes. */
const NEARLY_EXPIRED = '08:30';

let stack: Stack;
let browser: PageBrowser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    startStack({
      manifests: (url) => [
        aProject(url, RELAYED, {
          // Longer than the page's clock is set forward.
          session: { leaseSeconds: 3_600 },
          turn: {
            ...{ type: 'static', urls: ['turn:127.0.0.1:9'], ttlSeconds: 600 },
            ...{ username: 'caller', secretRef: { name: 'relay' } },
          },
        }),
        aSecret(RELAYED, aKey()),
      ],
    }),
    PageBrowser.launch([...TALKING, '--use-fake-ui-for-media-stream']),
  ]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
});

/** As it is on the page, but for the address and the project. */
function flow(project: string): string {
  const { code } = blocksOf('docs/api.md').find(
    ({ language, section }) => language === 'js' && section === 'The whole flow',
  )!;
  return code.replaceAll('http://127.0.0.1:3000', stack.url).replaceAll('proj_demo', project);
}

/** A page that may use the microphone, and how often it was told of relays. */
async function open(): Promise<OpenedPage & { renewals: () => number }> {
  const opened = await browser.open(`${stack.url}/playground`, {
    permissions: ['microphone'],
    origins: [new URL(stack.simulator.url).origin],
  });
  let renewals = 0;
  opened.page.on('requestfinished', (request) => {
    if (new URL(request.url()).pathname === '/turn-credentials') renewals += 1;
  });
  return { ...opened, renewals: () => renewals };
}

it('talks to the provider, and gives the slot back when the page goes', async () => {
  const { page, problems, close, renewals } = await open();
  const heard: string[] = [];
  page.on('console', (message) => heard.push(message.text()));
  const states = async (): Promise<string[]> =>
    (await stack.admin(`/sessions?project_id=${PROJECT}`)).json.sessions.map(
      ({ state }: { state: string }) => state,
    );
  try {
    await page.evaluate(`(async () => {\n${flow(PROJECT)}\n})()`);
    await until('the provider speaks', () => heard.includes('session.created'), CONNECTED_MS);
    await until('and hears', () => heard.includes('input_audio_buffer.speech_started'), CONNECTED_MS);
    expect(await states()).toEqual(['active']);
    await page.goto(stack.url);
    await until('the slot is free', async () => (await states())[0] === 'released');
    // There are no relays.
    expect(renewals()).toBe(0);
    expect(problems).toEqual([]);
  } finally {
    await close();
  }
});

it('gets new credentials for its relays before they expire', async () => {
  const [first, second] = [aTurnSecret(), aTurnSecret()];
  // A browser has an empty one where there is none.
  const credentialOf = (servers: { credential?: string }[]): string | undefined =>
    servers.find(({ credential = '' }) => credential !== '')?.credential;
  const share = (secret: string): void => {
    writeManifests(stack.directory, 'relay.json', [aSecretOfRelays('relay', secret)]);
  };
  share(first);
  await until('the relay has an account', async () => {
    const { json } = await stack.request('/session', { body: { project_id: RELAYED } });
    await stack.admin(`/sessions/${json.session_id}`, { method: 'DELETE' });
    return credentialOf(json.turn_credentials.iceServers) === first;
  });
  const { page, problems, close, renewals } = await open();
  try {
    await page.clock.install();
    const call = await page.evaluateHandle<{ peer: RtcPeer; lease: { authorization: string } }>(
      `(async () => {\n${flow(RELAYED)}\nreturn { peer, lease };\n})()`,
    );
    const headers = await call.evaluate(({ lease }) => lease);
    await until('it is told how long they hold', () => renewals() === 1);
    share(second);
    await until('the account is another', async () => {
      const { json } = await stack.request('/turn-credentials', { headers });
      return credentialOf(json.iceServers) === second;
    });
    await page.clock.fastForward(NEARLY_EXPIRED);
    await until('the call has it', async () => {
      const { iceServers } = await call.evaluate(({ peer }) => peer.getConfiguration());
      return credentialOf(iceServers) === second;
    });
    await until('it asked once more', () => renewals() === 2);
    expect(problems).toEqual([]);
  } finally {
    await close();
  }
});

/** Of RTCPeerConnection, which is only in the browser. */
interface RtcPeer {
  getConfiguration: () => { iceServers: { credential?: string }[] };
}
