import { type Stack, startStack } from '../support/stack.ts';
import {
  accessibilityProblems,
  firstPaint,
  overflow,
  PageBrowser,
  THEMES,
  unreachedByKeyboard,
  WIDTHS,
} from './support/browser.ts';

const PAINT_MS = 1_000;
const PAGES = ['', 'playground', 'dashboard'];
const CASES = PAGES.flatMap((path) =>
  WIDTHS.flatMap((width) => THEMES.map((theme) => ({ path: `/${path}`, width, theme }))),
);

let stack: Stack;
let browser: PageBrowser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), PageBrowser.launch()]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
});

describe.each(CASES)('$path at $width px, $theme', ({ path, width, theme }) => {
  it('is seen soon, fits, can be used by everybody, and asks nobody else', async () => {
    const { page, problems, close } = await browser.open(stack.url + path, { width, theme });
    try {
      expect(await firstPaint(page)).toBeLessThan(PAINT_MS);
      expect(await overflow(page)).toBe(0);
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await unreachedByKeyboard(page)).toEqual([]);
      expect(problems).toEqual([]);
    } finally {
      await close();
    }
  });
});

describe('every page', () => {
  it.each(PAGES)('leads to the others, and /%s says where one is', async (path) => {
    const { page, close } = await browser.open(`${stack.url}/${path}`);
    try {
      expect(await page.locator('.header [aria-current=page]').count()).toBe(1);
      await page.getByRole('link', { name: 'Vestibule' }).click();
      await page.getByRole('heading', { level: 1, name: 'The key stays in.' }).waitFor();
      for (const name of ['Playground', 'Dashboard']) {
        await page.getByRole('navigation').getByRole('link', { name }).click();
        await page.getByRole('heading', { level: 1, name }).waitFor();
      }
    } finally {
      await close();
    }
  });

  it('takes the theme of the system, and keeps the one that is chosen', async () => {
    const { page, problems, close } = await browser.open(stack.url, { theme: 'dark' });
    const ground = (): Promise<string> =>
      page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    try {
      const dark = await ground();
      await page.getByRole('button', { name: 'Use the light theme' }).click();
      const light = await ground();
      expect(light).not.toBe(dark);
      await page.reload();
      await page.getByRole('button', { name: 'Use the dark theme' }).waitFor();
      expect(await ground()).toBe(light);
      expect(problems).toEqual([]);
    } finally {
      await close();
    }
  });

  it('breaks the policy when it is made to, so that this suite would see it', async () => {
    const { page, problems, close } = await browser.open(stack.url);
    try {
      await page.evaluate(() => {
        // eslint-disable-next-line @typescript-eslint/no-explicit-any -- runs in the browser
        const { document } = globalThis as any;
        const script = document.createElement('script');
        script.textContent = 'globalThis.ran = true';
        document.head.append(script);
      });
      expect(problems.join()).toContain('Content Security Policy');
      expect(await page.evaluate('globalThis.ran')).toBeUndefined();
    } finally {
      await close();
    }
  });
});
