import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-quic', '--disable-background-networking'];
/** Tags of the rules that pages are held to. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export const WIDTHS = [360, 1440] as const;
export const THEMES = ['light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export interface PageOptions {
  width?: number;
  theme?: Theme;
  /** Such as `microphone`. */
  permissions?: string[];
  /** Origins beside the service's that may be asked. */
  origins?: readonly string[];
}

/** A page in a profile of its own, and what was wrong with it so far. */
export interface OpenedPage {
  page: Page;
  /** Errors of the console, exceptions, breaches of the policy, requests to anywhere else. */
  problems: string[];
  close: () => Promise<void>;
}

/** A Chromium of a suite's own. */
export class PageBrowser {
  readonly #browser: Browser;
  readonly #contexts = new Set<BrowserContext>();

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(flags: readonly string[] = []): Promise<PageBrowser> {
    return new PageBrowser(
      await chromium.launch({ executablePath: EXECUTABLE, args: [...FLAGS, ...flags], timeout: 30_000 }),
    );
  }

  async open(url: string, options: PageOptions = {}): Promise<OpenedPage> {
    const { width = 1440, theme = 'light', permissions = [], origins = [] } = options;
    const context = await this.#browser.newContext({
      viewport: { width, height: 900 },
      colorScheme: theme,
      permissions,
    });
    this.#contexts.add(context);
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    const problems = watch(page, [new URL(url).origin, ...origins]);
    await page.goto(url);
    await page.locator('main').waitFor();
    return {
      page,
      problems,
      close: async () => {
        this.#contexts.delete(context);
        await context.close();
      },
    };
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

function watch(page: Page, origins: readonly string[]): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    // A refusal that a page shows is logged by the browser as well, and is no fault of the page.
    const isAnswer = message.text().startsWith('Failed to load resource: the server responded with');
    if (['error', 'warning'].includes(message.type()) && !isAnswer) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && !origins.includes(origin)) problems.push(`asks ${request.url()}`);
  });
  return problems;
}

/** What axe finds, one line each. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async (rules) => {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- defined by the script above
    const { run } = (globalThis as any).axe;
    const found = await run({ runOnly: { type: 'tag', values: rules } });
    return found.violations as { id: string; nodes: { html: string; failureSummary: string }[] }[];
  }, RULES);
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
  );
}

/** How much wider than the window the page is, in pixels. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- runs in the browser
    const { document, innerWidth } = globalThis as any;
    return document.documentElement.scrollWidth - innerWidth;
  });
}

/** Milliseconds until something was first seen. */
export function firstPaint(page: Page): Promise<number> {
  return page.evaluate(async () => {
    for (let frame = 0; frame < 200; frame += 1) {
      const [entry] = performance.getEntriesByName('first-contentful-paint');
      if (entry !== undefined) return entry.startTime;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return Infinity;
  });
}

const FOCUSABLE = 'a[href], button, input, select, textarea, summary, [tabindex]';

/** Everything that can be used and that Tab does not come to, as its HTML begins. */
export async function unreachedByKeyboard(page: Page): Promise<string[]> {
  await page.evaluate((selector) => {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- runs in the browser
    const { document } = globalThis as any;
    document.activeElement?.blur();
    for (const element of document.querySelectorAll(selector)) {
      const isUsed = element.tabIndex >= 0 && element.disabled !== true && element.checkVisibility();
      if (isUsed) element.dataset.unreached = 'true';
    }
  }, FOCUSABLE);
  const count = await page.locator('[data-unreached]').count();
  if (count === 0) throw new Error('nothing on the page can be used');
  // Radio buttons are one stop; and the browser's own parts of a field may be stops as well.
  for (let presses = 0; presses < 3 * count + 10; presses += 1) {
    await page.keyboard.press('Tab');
    await page.evaluate(() => {
      // eslint-disable-next-line @typescript-eslint/no-explicit-any -- runs in the browser
      const { document } = globalThis as any;
      const { activeElement } = document;
      delete activeElement.dataset.unreached;
      if (activeElement.type !== 'radio') return;
      for (const other of document.getElementsByName(activeElement.name)) delete other.dataset.unreached;
    });
  }
  return page.locator('[data-unreached]').evaluateAll((elements) =>
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- runs in the browser
    elements.map((element: any) => element.outerHTML.slice(0, 120)),
  );
}
