import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const RULES_FOLDER = at('charts/vestibule/rules');
export const RUNBOOKS_FOLDER = at('docs/runbooks');
export const TESTS_FOLDER = at('test/monitoring');

export interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface RuleGroup {
  name: string;
  rules: Rule[];
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { type: string; uid: string };
  targets?: { expr: string; legendFormat: string; refId: string; datasource: { uid: string } }[];
  fieldConfig?: { defaults: { unit?: string } };
}

export interface Dashboard {
  uid: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: { name: string; type: string; query: string | { query: string } }[] };
}

export interface RuleTest {
  name: string;
  input_series: { series: string }[];
  promql_expr_test: { expr: string; exp_samples: { labels: string; value: number }[] }[];
}

export const RULE_FILES = ['recording.yaml', 'alerts.yaml'].map((name) => `${RULES_FOLDER}/${name}`);
export const RULE_GROUPS = RULE_FILES.flatMap(
  (path) => (parse(readFileSync(path, 'utf8')) as { groups: RuleGroup[] }).groups,
);
export const RULES = RULE_GROUPS.flatMap(({ rules }) => rules);
export const ALERTS = RULES.filter((rule) => rule.alert !== undefined) as (Rule & { alert: string })[];

export const DASHBOARD = JSON.parse(
  readFileSync(at('charts/vestibule/dashboards/vestibule.json'), 'utf8'),
) as Dashboard;
export const PANELS = DASHBOARD.panels.filter(({ type }) => type !== 'row');
/** What panels ask, with variables in it; by panel and by the letter of its query. */
export const PANEL_QUERIES = PANELS.flatMap(({ title, targets = [] }) =>
  targets.map(({ refId, expr }) => ({ name: `${title}, ${refId}`, expr })),
);

/** As Grafana puts values in place of variables. */
export function filledIn(query: string, variables: Record<string, string>): string {
  return Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(name, value), query);
}

export const TEST_FILES = readdirSync(TESTS_FOLDER).filter((name) => name.endsWith('.test.yaml'));
export const RULE_TESTS = TEST_FILES.flatMap(
  (name) => (parse(readFileSync(`${TESTS_FOLDER}/${name}`, 'utf8')) as { tests: RuleTest[] }).tests,
);
