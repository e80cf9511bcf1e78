/**
 * Writes the pictures of the pages in docs/images, from the demo: `npm run screenshots [minutes of traffic]`. What the
 * dashboard shows are callers that really came, so it takes its time. Needs Chromium: see test/pages/support/browser.ts.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { PageBrowser, THEMES, type Theme } from '../test/pages/support/browser.ts';
import { type Demo, startDemo } from '../test/pages/support/demo.ts';
import { TALKING } from '../test/pages/support/playground.ts';
import { until } from '../test/support/until.ts';
import { addProjects, makeTraffic } from '../test/pages/support/traffic.ts';

const IMAGES = fileURLToPath(new URL('../docs/images/', import.meta.url));
const WIDTH = 1280;
/** As long as the dashboard's shortest range, nearly. */
const MINUTES = Number(process.argv[2] ?? 14);
const TALK_MS = 20_000;
/** Below what is pictured. */
const MARGIN = 24;

await using demo = await startDemo();
const browser = await PageBrowser.launch(TALKING);
try {
  await addProjects(demo);
  for (const theme of THEMES) await takeLanding(demo, theme);
  for (const theme of THEMES) await takePlayground(demo, theme);
  await makeTraffic(demo, MINUTES * 60_000);
  for (const theme of THEMES) await takeDashboard(demo, theme);
} finally {
  await browser.close();
}

async function takeLanding({ url }: Demo, theme: Theme): Promise<void> {
  await take(url, theme, 'landing', async () => Promise.resolve(810));
}

/** In the middle of a conversation. */
async function takePlayground({ url }: Demo, theme: Theme): Promise<void> {
  await take(`${url}/playground`, theme, 'playground', async (page) => {
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    const status = page.getByRole('region', { name: 'Status' }).getByRole('status');
    await status.getByText('connected', { exact: true }).waitFor({ timeout: TALK_MS });
    const events = page.getByRole('list', { name: 'Events, newest first' });
    for (const line of ['What is a vestibule?', 'And who may come in?', 'For how long?']) {
      const done = events.getByText('response.done', { exact: true });
      const before = await done.count();
      await page.getByLabel('Or in writing').fill(line);
      await page.getByRole('button', { name: 'Send' }).click();
      await until('the model answered', async () => (await done.count()) > before, TALK_MS);
    }
    return bottomOf(page, 'Status');
  });
}

async function takeDashboard({ url, adminKey }: Demo, theme: Theme): Promise<void> {
  await take(`${url}/dashboard`, theme, 'dashboard', async (page) => {
    await page.getByLabel('Admin key').fill(adminKey);
    await page.keyboard.press('Enter');
    await page.getByLabel('15 minutes').check();
    await page.getByText(/opened, 15 minutes/).waitFor();
    await page.getByRole('region', { name: 'Audit', exact: true }).getByRole('row').nth(5).waitFor();
    // The focus is on nothing, as when one looks.
    await page.evaluate('document.activeElement.blur()');
    return bottomOf(page, 'Projects');
  });
}

/** Pixels from the page's top to the end of a card. */
async function bottomOf(page: Page, name: string): Promise<number> {
  await page.evaluate('scrollTo(0, 0)');
  const box = await page.getByRole('region', { name, exact: true }).boundingBox();
  if (box === null) throw new Error(`${name} is not on the page`);
  return Math.ceil(box.y + box.height) + MARGIN;
}

/** @param prepare brings the page to where it is pictured, and resolves to the height of the picture. */
async function take(
  url: string,
  theme: Theme,
  name: string,
  prepare: (page: Page) => Promise<number>,
): Promise<void> {
  const { page, close } = await browser.open(url, { theme, width: WIDTH });
  try {
    const height = await prepare(page);
    await page.screenshot({
      path: join(IMAGES, `${name}-${theme}.png`),
      fullPage: true,
      clip: { x: 0, y: 0, width: WIDTH, height },
    });
  } finally {
    await close();
  }
}
