import { type Stack, startStack } from '../support/stack.ts';
import { PageBrowser } from './support/browser.ts';

const VAULT_ONLY = 'Vault-only security - API keys encrypted in vault, never exposed to clients';

let stack: Stack;
let browser: PageBrowser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), PageBrowser.launch()]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
});

describe('the landing page', () => {
  it('says that keys are vault-only', async () => {
    const { page, close } = await browser.open(stack.url);
    try {
      expect(await page.getByText(VAULT_ONLY, { exact: true }).isVisible()).toBe(true);
    } finally {
      await close();
    }
  });

  it('shows how a session is opened with a project_id alone, ready to be copied', async () => {
    const { page, problems, close } = await browser.open(stack.url, {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    try {
      await page.getByRole('button', { name: 'Copy: A session with curl' }).click();
      await page.getByText('Copied.').waitFor();
      const curl = await page.evaluate<string>('navigator.clipboard.readText()');
      expect(curl).toContain(`${stack.url}/session`);
      expect(curl).toContain(`-d '{"project_id":"proj_demo"}'`);
      await page.getByRole('tab', { name: 'curl' }).press('ArrowRight');
      const script = await page.getByRole('region', { name: 'A session with JavaScript' }).innerText();
      expect(script).toContain(`body: JSON.stringify({ project_id: 'proj_demo' })`);
      expect(curl + script).not.toMatch(/authorization|api-key|sk-/i);
      expect(problems).toEqual([]);
    } finally {
      await close();
    }
  });

  it('says nothing of a simulator when it does not know of one', async () => {
    const { page, close } = await browser.open(stack.url);
    try {
      expect(await page.getByText('A simulator answers here.').count()).toBe(0);
    } finally {
      await close();
    }
  });
});
