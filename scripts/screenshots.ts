/** Writes the pictures of the pages in docs/images, from the demo. Needs Chromium: see test/pages/support/browser.ts. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PageBrowser } from '../test/pages/support/browser.ts';
import { startDemo } from '../test/pages/support/demo.ts';

const IMAGES = fileURLToPath(new URL('../docs/images/', import.meta.url));

await using demo = await startDemo();
const browser = await PageBrowser.launch();
try {
  for (const theme of ['light', 'dark'] as const) {
    const { page } = await browser.open(demo.url, { theme, width: 1280 });
    await page.screenshot({ path: join(IMAGES, `landing-${theme}.png`) });
  }
} finally {
  await browser.close();
}
