/** The flow that the playground and docs/api.md show for a page, run in one. */
import { blocksOf } from '../docs/support/blocks.ts';
import { PROJECT, type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { PageBrowser } from './support/browser.ts';
import { TALKING } from './support/playground.ts';

const CONNECTED_MS = 20_000;

let stack: Stack;
let browser: PageBrowser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    startStack(),
    PageBrowser.launch([...TALKING, '--use-fake-ui-for-media-stream']),
  ]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
});

it('talks to the provider, and gives the slot back when the page goes', async () => {
  const code = blocksOf('docs/api.md').find(
    ({ language, section }) => language === 'js' && section === 'The whole flow',
  )!.code;
  const { page, problems, close } = await browser.open(`${stack.url}/playground`, {
    permissions: ['microphone'],
    origins: [new URL(stack.simulator.url).origin],
  });
  const heard: string[] = [];
  page.on('console', (message) => heard.push(message.text()));
  const states = async (): Promise<string[]> =>
    (await stack.admin('/sessions')).json.sessions.map(({ state }: { state: string }) => state);
  try {
    const here = code.replaceAll('http://127.0.0.1:3000', stack.url).replaceAll('proj_demo', PROJECT);
    await page.evaluate(`(async () => {\n${here}\n})()`);
    await until('the provider speaks', () => heard.includes('session.created'), CONNECTED_MS);
    await until('and hears', () => heard.includes('input_audio_buffer.speech_started'), CONNECTED_MS);
    expect(await states()).toEqual(['active']);
    await page.goto(stack.url);
    await until('the slot is free', async () => (await states())[0] === 'released');
    expect(problems).toEqual([]);
  } finally {
    await close();
  }
});
