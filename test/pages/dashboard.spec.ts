import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { milliseconds } from '../../src/console/pages/dashboard/format.ts';
import { fetchMetricsJson, fetchMetricsText } from '../../src/console/pages/metrics.ts';
import { fingerprintOf } from '../simulator/simulator.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { addReplica } from '../support/scenes.ts';
import { aSigningKey } from '../support/signing-key.ts';
import { type Answer, PROJECT, type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import {
  accessibilityProblems,
  type OpenedPage,
  overflow,
  PageBrowser,
  type PageOptions,
  THEMES,
  unreachedByKeyboard,
  WIDTHS,
} from './support/browser.ts';

const OTHER = 'proj_other';
const CASES = WIDTHS.flatMap((width) => THEMES.map((theme) => ({ width, theme })));

let stack: Stack;
let browser: PageBrowser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    startStack({
      processes: 2,
      project: { session: { maxConcurrent: 10 }, limits: { sessionsPerMonth: 500 } },
      environment: { VESTIBULE_AUDIT_SIGNING_KEY: aSigningKey().privateKey },
      manifests: (baseUrl) => [
        aProject(baseUrl, OTHER, { session: { maxConcurrent: 30 } }),
        aSecret(OTHER, aKey()),
        aProject(baseUrl, 'proj_keyless'),
        aProject(baseUrl, 'proj_relayless', {
          turn: { type: 'coturn', urls: ['turn:192.0.2.1'], secretRef: { name: 'not-there' } },
        }),
        aSecret('proj_relayless', aKey()),
        aClient('acme', PROJECT),
        aClient('pods', PROJECT, {
          clientId: undefined,
          serviceAccount: { namespace: 'shop', name: 'web' },
        }),
      ],
    }),
    PageBrowser.launch(),
  ]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
});

const open = (projectId = PROJECT, base = stack.services[1]!.url): Promise<Answer> =>
  stack.request('/session', { body: { project_id: projectId }, base });

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Admin key').fill(stack.adminKey);
  await page.keyboard.press('Enter');
  await page.getByText('Live', { exact: true }).first().waitFor();
}

/** A signed-in dashboard; what is wrong with it afterwards fails the test. */
async function onDashboard(
  test: (page: Page, opened: OpenedPage) => Promise<void>,
  options: PageOptions = {},
  base = stack.url,
): Promise<void> {
  const opened = await browser.open(`${base}/dashboard`, options);
  try {
    await signIn(opened.page);
    await test(opened.page, opened);
    expect(opened.problems).toEqual([]);
  } finally {
    await opened.close();
  }
}

const card = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });
const row = (page: Page, name: string, text: string): Locator =>
  card(page, name).getByRole('row').filter({ hasText: text });
const live = (page: Page): Promise<string> => page.locator('[data-figure=live]').innerText();
const slots = (page: Page, projectId = PROJECT): Promise<string> =>
  page.locator(`[data-slots=${projectId}]`).innerText();

/** The names of those that would not fit on one line if they were as wide as any can be. */
function figuresTooWide(page: Page): Promise<string[]> {
  return page.locator('.figure').evaluateAll((figures, widest) => {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- runs in the browser
    const wide = figures.filter((figure: any) => {
      const value = figure.querySelector('.figure-value').cloneNode();
      value.textContent = widest;
      figure.append(value);
      const { scrollWidth, clientWidth } = value;
      value.remove();
      return scrollWidth > clientWidth;
    });
    return wide.map(({ textContent }) => textContent ?? '');
  }, milliseconds(999.9));
}

describe('signing in', () => {
  it('is refused with a wrong key, which is forgotten', async () => {
    const { page, problems, close } = await browser.open(`${stack.url}/dashboard`);
    try {
      const field = page.getByLabel('Admin key');
      await field.fill('not-the-admin-key-not-the-admin-key');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('This is not an admin key.').waitFor();
      expect(await field.inputValue()).toBe('');
      expect(await field.evaluate((element) => element.matches(':focus'))).toBe(true);
      await signIn(page);
      expect(problems).toEqual([]);
    } finally {
      await close();
    }
  });

  it('keeps the key in the memory of the page alone', async () => {
    await onDashboard(async (page) => {
      const kept = await page.evaluate<string>(
        'JSON.stringify([location.href, document.cookie, { ...localStorage }, { ...sessionStorage }, document.documentElement.outerHTML])',
      );
      expect(kept).not.toContain(stack.adminKey);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Admin key').waitFor();
      await signIn(page);
      await page.reload();
      await page.getByLabel('Admin key').waitFor();
    });
  });
});

describe.each(CASES)('the dashboard at $width px, $theme', ({ width, theme }) => {
  it('fits, can be used by everybody, and breaks no rule', async () => {
    await open();
    await onDashboard(
      async (page) => {
        await row(page, 'Live sessions', 'ses_').first().waitFor();
        await row(page, 'Audit', 'session_created').first().waitFor();
        expect(await overflow(page)).toBe(0);
        expect(await figuresTooWide(page)).toEqual([]);
        expect(await accessibilityProblems(page)).toEqual([]);
        expect(await unreachedByKeyboard(page)).toEqual([]);
        await row(page, 'Projects', OTHER).getByRole('button', { name: 'Rotate key' }).click();
        await page.getByRole('dialog').waitFor();
        expect(await overflow(page)).toBe(0);
        expect(await accessibilityProblems(page)).toEqual([]);
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
      },
      { width, theme },
    );
  });
});

describe('what is shown', () => {
  it('changes by itself when a session opens and ends at another replica', async () => {
    await onDashboard(async (page) => {
      const before = Number(
        await until('it knows how many are live', async () => {
          const text = await live(page);
          return text === '–' ? undefined : text;
        }),
      );
      const { json } = await open();
      await until('one more is live', async () => (await live(page)) === String(before + 1));
      expect(await slots(page)).toBe(`${before + 1} of 10`);
      await row(page, 'Live sessions', json.session_id).waitFor();
      await stack.admin(`/sessions/${json.session_id}`, { method: 'DELETE', base: stack.services[1]!.url });
      await until('it has gone', async () => (await live(page)) === String(before));
      await row(page, 'Live sessions', json.session_id).waitFor({ state: 'detached' });
    });
  });

  it('is what was done: rates, vault hits, quota, keys, conditions, the audit and its signed head', async () => {
    await until(
      'a head is signed',
      async () => (await stack.admin('/stats')).json.audit.newest_head !== null,
      20_000,
    );
    const { json: stats } = await stack.admin('/stats');
    const { json: list } = await stack.admin('/projects');
    await onDashboard(async (page) => {
      const figure = (name: string): Promise<string> =>
        page.locator('.figure', { has: page.getByText(name, { exact: true }) }).innerText();
      const hits = `100\u00a0% of ${stats.totals.vault_hits} opened`;
      await until('the figures are there', async () => (await figure('Vault hits')).includes(hits));
      expect(await figure('Success rate')).toContain('100\u00a0%');
      const project = await row(page, 'Projects', PROJECT).innerText();
      const { key_fingerprint: fingerprint } = (
        list.projects as { project_id: string; key_fingerprint: string }[]
      ).find((each) => each.project_id === PROJECT)!;
      expect(project).toContain(fingerprint.slice(0, 15));
      expect(project).toContain(
        `${stats.projects.find((each: { project_id: string }) => each.project_id === PROJECT).quota.used} of 500`,
      );
      expect(await row(page, 'Projects', 'proj_keyless').innerText()).toContain('no key');
      expect(await row(page, 'Projects', 'proj_relayless').innerText()).toMatch(
        /Ready\s+TurnSecretMissing\s+it opens sessions, but without relays/,
      );
      expect(await card(page, 'Audit').innerText()).toMatch(/\d+ rows in \d+ chains?[^]*Newest signed head/);
      const table = card(page, 'Sessions').getByText('Sessions opened and failed as a table');
      await table.click();
      expect(await card(page, 'Sessions').getByRole('row').count()).toBeGreaterThan(30);
    });
  });

  it('has all live sessions, page by page', async () => {
    const opened = await Promise.all(Array.from({ length: 12 }, async () => open(OTHER)));
    const ids = opened.map(({ json }) => json.session_id as string);
    await onDashboard(async (page) => {
      const sessions = card(page, 'Live sessions');
      const shown = (): Promise<string[]> => sessions.locator('td code').allInnerTexts();
      await sessions.getByText('page 1').waitFor();
      const first = await shown();
      expect(first).toHaveLength(10);
      await sessions.getByRole('button', { name: 'Older' }).click();
      const second = await until('the next page is shown', async () => {
        const rows = await shown();
        return rows.length > 0 && rows.every((id) => !first.includes(id)) ? rows : undefined;
      });
      expect(ids.filter((id) => ![...first, ...second].includes(id))).toEqual([]);
      await sessions.getByRole('button', { name: 'Newer' }).click();
      await until('the first page is shown again', async () => (await shown())[0] === first[0]);
    });
    for (const id of ids) await stack.admin(`/sessions/${id}`, { method: 'DELETE' });
  });

  it('is of a longer range when it is chosen', async () => {
    await onDashboard(async (page) => {
      await page.getByLabel('24 hours').check();
      await page.getByText(/opened, 24 hours/).waitFor();
    });
  });
});

describe('what can be done', () => {
  it('suspends a project, which then refuses, and resumes it; nothing without a yes', async () => {
    await onDashboard(async (page) => {
      const project = row(page, 'Projects', OTHER);
      await project.getByRole('button', { name: 'Suspend' }).click();
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect((await open(OTHER)).status).toBe(200);
      await project.getByRole('button', { name: 'Suspend' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
      await project.getByText('Suspended').waitFor();
      await until('the other replica refuses', async () => (await open(OTHER)).status === 403);
      await project.getByRole('button', { name: 'Resume' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
      await project.getByText('Ready').waitFor();
      await until('the other replica takes sessions', async () => (await open(OTHER)).status === 200);
    });
  });

  it('rotates a key, which is in use then and shown nowhere', async () => {
    const key = aKey();
    await onDashboard(async (page) => {
      await row(page, 'Projects', OTHER).getByRole('button', { name: 'Rotate key' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Rotate' }).click();
      await dialog.getByText('A project and a key are needed.').waitFor();
      await dialog.getByLabel('Provider key').fill(key);
      await page.keyboard.press('Enter');
      await row(page, 'Projects', OTHER).getByText(fingerprintOf(key).slice(0, 15)).waitFor();
      await row(page, 'Audit', 'vault_key_rotated').first().waitFor();
      expect(await page.content()).not.toContain(key);
      await until('it is used', async () => {
        await open(OTHER);
        return (stack.simulator.seen().by_key[fingerprintOf(key)]?.requests ?? 0) > 0;
      });
    });
  });

  it('deposits a key for a new project, and says what is wrong with one', async () => {
    await onDashboard(async (page) => {
      await card(page, 'Projects').getByRole('button', { name: 'Deposit a key' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Project').fill('proj_new');
      await dialog.getByLabel('Provider key').fill('too short');
      await dialog.getByRole('button', { name: 'Deposit' }).click();
      await dialog.getByText(/Correct what is named/).waitFor();
      await dialog.getByLabel('Provider key').fill(aKey());
      // The project that is made asks the provider that the settings name, which is not there.
      await dialog.getByLabel(/Ask the provider first/).uncheck();
      await dialog.getByRole('button', { name: 'Deposit' }).click();
      await row(page, 'Projects', 'proj_new').waitFor();
    });
  });

  it('ends a session', async () => {
    const { json } = await open();
    await onDashboard(async (page) => {
      await row(page, 'Live sessions', json.session_id).getByRole('button', { name: 'End' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click();
      await row(page, 'Live sessions', json.session_id).waitFor({ state: 'detached' });
      const { json: session } = await stack.admin(`/session/${json.session_id}`);
      expect(session.state).toBe('terminated');
    });
  });

  it('issues a token that opens sessions, and shows it once', async () => {
    await onDashboard(async (page) => {
      await row(page, 'Clients', 'acme').getByRole('button', { name: 'Issue token' }).click();
      await page.getByLabel('Valid for').selectOption('15 minutes');
      await page.getByRole('dialog').getByRole('button', { name: 'Issue' }).click();
      const token = await page.getByRole('region', { name: 'The token' }).innerText();
      const headers = { authorization: `Bearer ${token.trim()}` };
      expect((await stack.request('/session', { method: 'POST', headers })).status).toBe(200);
      await page.getByRole('button', { name: 'I have it' }).click();
      expect(await page.content()).not.toContain(token.trim());
      await row(page, 'Audit', 'change token').first().waitFor();
    });
  });

  it('offers no token for a client that is a service account, and names it', async () => {
    await onDashboard(async (page) => {
      const client = row(page, 'Clients', 'service account shop/web');
      await client.waitFor();
      expect(await client.getByRole('button').count()).toBe(0);
    });
  });
});

describe('the audit on the page', () => {
  const exported = async (page: Page, name: string): Promise<string> => {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name, exact: true }).click();
    return readFileSync(await (await download).path(), 'utf8');
  };

  it('is filtered, paged and exported', async () => {
    await stack.admin(`/projects/${OTHER}`, { method: 'PATCH', body: { suspended: false } });
    for (let round = 0; round < 20; round += 1) {
      const { json } = await open();
      await stack.admin(`/session/${json.session_id}`, { method: 'DELETE' });
    }
    await onDashboard(async (page) => {
      const audit = card(page, 'Audit');
      await audit.getByLabel('Event').selectOption('session_created');
      const events = (): Promise<string[]> => audit.locator('td code:not(.id)').allInnerTexts();
      await until('others are gone', async () => new Set(await events()).size === 1);
      expect(new Set(await events())).toEqual(new Set(['session_created']));
      await audit.getByLabel('Event').selectOption('');
      await until('all are shown again', async () => new Set(await events()).size > 1);
      expect(await audit.getByRole('row').count()).toBe(26);
      const places = async (): Promise<string[]> =>
        audit.locator('.about dl').evaluateAll((lists) => lists.map(({ textContent }) => textContent ?? ''));
      const first = await places();
      await audit.getByRole('button', { name: 'Older' }).click();
      await audit.getByText('page 2').waitFor();
      await until('other rows are shown', async () => (await places())[0] !== first[0]);
      expect((await places()).filter((place) => first.includes(place))).toEqual([]);
      await audit.getByRole('button', { name: 'Newer' }).click();
      await until('the first rows are shown again', async () => (await places())[0] === first[0]);

      await audit.getByLabel('Project').selectOption(OTHER);
      await audit.getByLabel('Event').selectOption('config_changed');
      const { json } = await stack.admin(`/audit-logs?event=config_changed&project_id=${OTHER}&limit=1000`);
      expect(json.logs.length).toBeGreaterThan(0);
      expect(JSON.parse(await exported(page, 'Export JSON')).logs).toEqual(json.logs);
      const lines = (await exported(page, 'Export JSON lines')).trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(json.logs);
    });
  });
});

describe('when something is away', () => {
  it('says of what was asked for and not answered that it may be done, and where to look', async () => {
    const { page, close } = await browser.open(`${stack.url}/dashboard`);
    try {
      await signIn(page);
      await page.route(`**/projects/${OTHER}`, async (route) => {
        await route.fetch();
        await route.abort();
      });
      await row(page, 'Projects', OTHER).getByRole('button', { name: 'Suspend' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Suspend' }).click();
      expect(await dialog.getByRole('alert').innerText()).toMatch(
        /^Unknown whether it was done: [^]*look at the list and the audit/,
      );
      await page.keyboard.press('Escape');
      await row(page, 'Projects', OTHER).getByText('Suspended').waitFor();
    } finally {
      await close();
      await stack.admin(`/projects/${OTHER}`, { method: 'PATCH', body: { suspended: false } });
    }
  });

  it('does not say of a list that is not loaded that there is nothing in it', async () => {
    const { page, close } = await browser.open(`${stack.url}/dashboard`);
    const first = Promise.withResolvers<undefined>();
    const second = Promise.withResolvers<undefined>();
    // The sign-in's, one that fails, and the next.
    const lists = [Promise.resolve(undefined), first.promise, second.promise].entries();
    await page.route('**/projects', async (route) => {
      const [index, isDue] = lists.next().value ?? [];
      await isDue;
      await (index === 1 ? route.abort() : route.continue());
    });
    try {
      await signIn(page);
      const projects = card(page, 'Projects');
      await projects.getByText('Loading …').waitFor();
      expect(await projects.innerText()).not.toContain('No project');
      first.resolve(undefined);
      await projects.getByText('Not loaded.').waitFor();
      expect(await projects.innerText()).not.toContain('No project');
      second.resolve(undefined);
      await row(page, 'Projects', PROJECT).waitFor({ timeout: 20_000 });
    } finally {
      await close();
    }
  });

  it('says that the database is, and shows what is so once it is back', async () => {
    const replica = await addReplica(stack);
    const port = Number(new URL(stack.database.servingUrl).port);
    await onDashboard(
      async (page) => {
        replica.database.leadTo(1);
        replica.database.drop();
        await page.getByText('The service cannot reach its database.', { exact: true }).waitFor();
        await page.getByText('Database away').waitFor();
        expect(await accessibilityProblems(page)).toEqual([]);
        replica.database.leadTo(port);
        await page
          .getByText('The service cannot reach its database.', { exact: true })
          .waitFor({ state: 'detached' });
        const { json } = await open();
        await row(page, 'Live sessions', json.session_id).waitFor();
        await row(page, 'Audit', 'session_created').first().waitFor();
        // Nor is anything said of it later.
        await until(
          'the figures are loaded again',
          async () => (await page.getByRole('alert').count()) === 0,
        );
      },
      {},
      replica.service.url,
    );
    await replica.service.stop();
    await replica.database.stop();
  });

  it('says that the service is, and connects again', async () => {
    const service = await stack.addService();
    const { port } = new URL(service.url);
    const { page, close } = await browser.open(`${service.url}/dashboard`);
    try {
      await signIn(page);
      await service.stop();
      await page.getByText('The live stream is broken off.').waitFor();
      await page.getByText('Not connected').waitFor();
      const again = await stack.addService({ PORT: port });
      await page.getByText('The live stream is broken off.').waitFor({ state: 'detached', timeout: 40_000 });
      await again.stop();
    } finally {
      await close();
    }
  });
});

it('reads metrics as the service writes them', async () => {
  const totals = await fetchMetricsJson(`${stack.url}/`);
  const samples = await fetchMetricsText(`${stack.url}/`);
  const value = (name: string): number | undefined => samples.find((sample) => sample.name === name)?.value;
  expect(value('sessions_total')).toBe(totals.sessions_total);
  expect(value('vault_hits_total')).toBe(totals.vault_hits);
  expect(totals.sessions_total).toBeGreaterThan(0);
});
