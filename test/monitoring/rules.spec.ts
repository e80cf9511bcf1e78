import { readdirSync, readFileSync } from 'node:fs';
import {
  ALERTS,
  RULE_FILES,
  RULE_TESTS,
  RULES_FOLDER,
  RUNBOOKS_FOLDER,
  TEST_FILES,
  TESTS_FOLDER,
} from './charts.ts';
import { promtool } from './programs.ts';

/** Replaced by the chart where the pages are kept elsewhere. */
const BASE = 'https://vestibule.dev/runbooks/';
const PARTS = ['Means.', 'Users feel.', 'First step.', 'Confirm.', 'Undo.', 'Nothing, when'];

describe('The rules', () => {
  it('are such as Prometheus takes', async () => {
    await promtool(['check', 'rules', ...RULE_FILES], RULES_FOLDER);
  });

  it.each(TEST_FILES)('do in %s what they should', async (file) => {
    await promtool(['test', 'rules', file], TESTS_FOLDER);
  });

  it('have names of their own', () => {
    const names = ALERTS.map(({ alert }) => alert);
    expect(names).toEqual([...new Set(names)]);
    expect(names.filter((name) => !/^Vestibule[A-Z]\w+$/.test(name))).toEqual([]);
  });
});

describe.each(ALERTS)('$alert', ({ alert, labels, annotations, for: held }) => {
  const tests = RULE_TESTS.flatMap(({ promql_expr_test: expectations }) => expectations).filter(
    ({ expr }) => expr === `ALERTS{alertname="${alert}",alertstate="firing"}`,
  );

  it('is tried firing and not firing', () => {
    expect(tests.some(({ exp_samples: samples }) => samples.length > 0)).toBe(true);
    expect(tests.some(({ exp_samples: samples }) => samples.length === 0)).toBe(true);
  });

  it('says how urgent it is, what it is about, and where to read on', () => {
    expect(labels).toEqual({ severity: expect.stringMatching(/^(page|ticket)$/) });
    expect(annotations).toEqual({
      summary: expect.any(String),
      description: expect.stringMatching(/\.$/),
      runbook_url: `${BASE}${alert}.md`,
    });
    expect(held ?? '0m').toMatch(/^\d+[mh]$/);
  });

  it('has a page that says what to do', () => {
    const page = readFileSync(`${RUNBOOKS_FOLDER}/${alert}.md`, 'utf8');
    expect(page).toContain(`# ${alert}\n\n\`severity: ${labels?.['severity']}\`\n`);
    const found = [...page.matchAll(/^\*\*(.+?)\*\*/gm)].map(([, part]) => part);
    expect(found).toEqual(PARTS);
  });
});

it('every page is of an alert, and the index has them all', () => {
  const pages = readdirSync(RUNBOOKS_FOLDER).filter((name) => name !== 'README.md');
  const alerts = ALERTS.map(({ alert }) => alert);
  expect(pages.sort()).toEqual(alerts.map((alert) => `${alert}.md`).sort());
  const index = readFileSync(`${RUNBOOKS_FOLDER}/README.md`, 'utf8');
  const rows = [...index.matchAll(/^\| \[(\w+)\]\((\w+)\.md\) \| `(\w+)` \|/gm)];
  expect(rows.map(([, name, link, severity]) => [name, link, severity])).toEqual(
    ALERTS.map(({ alert, labels }) => [alert, alert, labels?.['severity']]),
  );
});
