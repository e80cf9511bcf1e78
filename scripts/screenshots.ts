/** Writes the pictures of the pages in docs/images, from the demo. Needs Chromium: see test/pages/support/browser.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PageBrowser } from '../test/pages/support/browser.ts';

const IMAGES = fileURLToPath(new URL('../docs/images/', import.meta.url));
const START = fileURLToPath(new URL('start.ts', import.meta.url));
const START_TIMEOUT_MS = 60_000;

const directory = mkdtempSync(join(tmpdir(), 'vestibule-screenshots-'));
const demo = spawn(process.execPath, [START], {
  env: { PATH: process.env['PATH'], VESTIBULE_DIR: directory, PORT: '0', OPS_PORT: '0', LOG_LEVEL: 'warn' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const exited = once(demo, 'exit');
try {
  const url = await served();
  const browser = await PageBrowser.launch();
  try {
    for (const theme of ['light', 'dark'] as const) {
      const { page } = await browser.open(url, { theme, width: 1280 });
      await page.screenshot({ path: join(IMAGES, `landing-${theme}.png`) });
    }
  } finally {
    await browser.close();
  }
} finally {
  demo.kill('SIGTERM');
  await exited;
  rmSync(directory, { recursive: true, force: true });
}

async function served(): Promise<string> {
  const timer = setTimeout(() => demo.kill('SIGKILL'), START_TIMEOUT_MS);
  try {
    for await (const line of createInterface({ input: demo.stdout })) {
      const [, url] = /^ +Vestibule +(http:\S+)/.exec(line) ?? [];
      if (url !== undefined) return url;
    }
    throw new Error('the demo does not start');
  } finally {
    clearTimeout(timer);
  }
}
