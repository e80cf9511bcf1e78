import { aKey, aProject, aSecret, aSecretOfRelays, aTurnSecret } from '../support/manifests.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { accessibilityProblems, overflow, PageBrowser, THEMES, WIDTHS } from './support/browser.ts';
import { Playground, TALKING } from './support/playground.ts';

/** What was held is given back at once. */
const FREE_MS = 1_000;
const SHORT = 'proj_short';
const LEASE_S = 15;
const RELAYED = 'proj_relayed';
/** Of credentials, that are good for ten minutes. */
const NEARLY_EXPIRED = '08:30';
/** Usernames of the relays that the call is given while it lasts. */
const RECORDED_SERVERS = `
  globalThis.users = [];
  const { setConfiguration } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setConfiguration = function (configuration) {
    setConfiguration.call(this, configuration);
    globalThis.users.push(configuration.iceServers.find(({ username }) => username)?.username);
  };
  undefined;
`;
/** A browser whose prompt stays open until a test answers it. */
const SLOW_MICROPHONE = `
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  const answered = new Promise((resolve) => { globalThis.answerPrompt = resolve; });
  let given;
  devices.getUserMedia = async (wanted) => {
    await answered;
    return (given = await ask(wanted));
  };
  globalThis.hasLetGo = () => given?.getTracks().every(({ readyState }) => readyState === 'ended') ?? false;
  undefined;
`;

let stack: Stack;
let browser: PageBrowser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    startStack({
      manifests: (url) => [
        aProject(url, SHORT, { session: { leaseSeconds: LEASE_S, secretTtlSeconds: 10 } }),
        aSecret(SHORT, aKey()),
        aProject(url, RELAYED, {
          // Longer than the page's clock is set forward.
          session: { leaseSeconds: 3_600 },
          turn: { type: 'coturn', urls: ['turn:127.0.0.1:9'], ttlSeconds: 600, secretRef: { name: 'relay' } },
        }),
        aSecret(RELAYED, aKey()),
        aSecretOfRelays('relay', aTurnSecret()),
      ],
    }),
    PageBrowser.launch(TALKING),
  ]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
});

const CASES = WIDTHS.flatMap((width) => THEMES.map((theme) => ({ width, theme })));

describe.each(CASES)('a conversation at $width px, $theme', ({ width, theme }) => {
  it('is started, connected, seen in its events, and ended', async () => {
    const playground = await Playground.open(stack, browser, { width, theme });
    const { page, problems } = playground;
    try {
      await playground.connect();
      expect(await playground.slotsTaken()).toBe(1);
      const status = page.getByRole('region', { name: 'Status' });
      await status.getByText('1 of 5 taken').waitFor();
      await status.getByText(/^(host|prflx) to host, udp/).waitFor();
      await playground.event('session.created');
      await page.getByLabel('Or in writing').fill('What is a vestibule?');
      await page.getByRole('button', { name: 'Send' }).click();
      await playground.event('response.done');
      const transcript = page.getByRole('log', { name: 'Transcript' });
      expect(await transcript.innerText()).toMatch(/You\s+What is a vestibule\?[^]*Model\s+\S/);
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await overflow(page)).toBe(0);

      await playground.button('End').click();
      await playground.slotIsFree(FREE_MS);
      await playground.status('not started');
      expect(stack.simulator.seen().calls.open).toBe(0);
      expect(problems).toEqual([]);
    } finally {
      await playground.close();
    }
  });
});

describe('a conversation', () => {
  let playground: Playground;
  afterEach(async () => {
    await playground.close();
  });

  it('is heard on both sides, and not while it is muted', async () => {
    playground = await Playground.open(stack, browser);
    await playground.connect();
    await until('something is said', async () => (await playground.level('input')) > 0.1);
    await until('it comes back', async () => (await playground.level('output')) > 0.1);
    await playground.event('input_audio_buffer.speech_started');
    await playground.button('Mute').click();
    await until('nothing is said', async () => (await playground.level('input')) === 0);
    await until('nothing comes back', async () => (await playground.level('output')) < 0.05);
    await playground.button('Mute').click();
    await until('something is said again', async () => (await playground.level('input')) > 0.1);
    expect(playground.problems).toEqual([]);
  });

  it('takes the microphone, once it may', async () => {
    playground = await Playground.open(stack, browser, { permissions: ['microphone'] });
    await playground.page.getByLabel('The microphone').check();
    await playground.connect();
    await until('a beep of the microphone', async () => (await playground.level('input')) > 0.1);
    expect(playground.problems).toEqual([]);
  });

  it('needs nothing but a keyboard', async () => {
    playground = await Playground.open(stack, browser);
    const { page } = playground;
    const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent');
    await page.getByLabel('Project id').focus();
    await page.keyboard.press('Enter');
    await playground.status('connected');
    await until('the focus is on what ends it', async () => (await focused()) === 'End');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Mute');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await playground.status('not started');
    await playground.slotIsFree(FREE_MS);
    await until('the focus is on what starts it', async () => (await focused()) === 'Start');
  });

  it('keeps its lease as long as it is open', async () => {
    playground = await Playground.open(stack, browser, { project: SHORT });
    await playground.connect();
    const lapsesAt = async (): Promise<number> => {
      const { json } = await stack.admin(`/sessions?project_id=${SHORT}&state=active`);
      return json.sessions[0].lease_expires_at as number;
    };
    const first = await lapsesAt();
    await until('the lease is renewed', async () => (await lapsesAt()) > first, LEASE_S * 1000);
    await playground.status('connected');
    expect(playground.problems).toEqual([]);
  });

  it('gets new credentials for its relays before they expire', async () => {
    playground = await Playground.open(stack, browser, { project: RELAYED });
    const { page } = playground;
    const users = (): Promise<string[]> => page.evaluate('users');
    let asked = 0;
    await page.route('**/turn-credentials', async (route) => {
      asked += 1;
      await route.continue();
    });
    await page.evaluate(RECORDED_SERVERS);
    await page.clock.install();
    await playground.connect();
    await until('it is told how long they hold', async () => (await users()).length === 1);
    await page.clock.fastForward(NEARLY_EXPIRED);
    await until('the call has new ones', async () => (await users()).length === 2);
    const ofSession = expect.stringMatching(/^\d+:ses_/) as string;
    expect(await users()).toEqual([ofSession, ofSession]);
    expect(asked).toBe(2);
    await playground.status('connected');

    await playground.button('Check relays only').click();
    await until('the check uses new ones', () => asked === 3);
    expect(playground.problems).toEqual([]);
  });

  it('is given back when the page goes', async () => {
    playground = await Playground.open(stack, browser);
    await playground.connect();
    await playground.page.getByRole('link', { name: 'Vestibule' }).click();
    await playground.slotIsFree(FREE_MS);
  });

  it('is ended while the browser asks for the microphone, and takes none that is given later', async () => {
    playground = await Playground.open(stack, browser, { permissions: ['microphone'] });
    const { page } = playground;
    await page.evaluate(SLOW_MICROPHONE);
    await page.getByLabel('The microphone').check();
    await playground.start();
    await playground.status('opening');
    await playground.button('End').click();
    await playground.status('not started');
    expect(await playground.slotsTaken()).toBe(0);
    await page.evaluate('answerPrompt()');
    await until('what is given is let go', () => page.evaluate<boolean>('hasLetGo()'));
    await playground.page.getByLabel('A tone').check();
    await playground.connect();
    expect(playground.problems).toEqual([]);
  });

  it('is given back when it is ended before it is connected', async () => {
    stack.simulator.fault({ kind: 'never', route: 'calls' });
    try {
      playground = await Playground.open(stack, browser);
      await playground.start();
      await playground.status('connecting');
      expect(await playground.slotsTaken()).toBe(1);
      await playground.button('End').click();
      await playground.slotIsFree(FREE_MS);
      await playground.status('not started');
      expect(await playground.page.getByRole('alert').count()).toBe(0);
    } finally {
      stack.simulator.clearFaults();
    }
  });

  it('shows which ways there are for voice', async () => {
    playground = await Playground.open(stack, browser);
    await playground.button('Check every way').click();
    const found = playground.page.getByRole('region', { name: 'Candidates by kind' });
    await found.getByRole('row', { name: /^host [1-9]/ }).waitFor();
    await playground.page.getByText(/^Asked: stun:/).waitFor();
    await playground.button('Check relays only').click();
    await found.getByRole('row', { name: /^host none/ }).waitFor();
    await found.getByRole('row', { name: /^relay none/ }).waitFor();
  });
});
