import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AUDIT_EVENTS } from '../../src/audit/audit-event.ts';
import { STATUS_BY_CODE } from '../../src/common/app-error.ts';
import { until } from '../support/until.ts';
import { DASHBOARD, filledIn, PANEL_QUERIES, RULE_FILES, RULES } from './charts.ts';
import { startClusterReplica } from './cluster-replica.ts';
import { Prometheus } from './programs.ts';
import type { Sample } from './prometheus-api.ts';
import { groupingsOf, type Selector, selectorsOf, withoutFilters } from './promql.ts';
import { Scene } from './scene.ts';

/** What Prometheus adds to each series, or its operator in a cluster does. */
const TARGET_LABELS = ['job', 'instance', 'namespace', 'pod'];
/** As Grafana would put them in. */
const VARIABLES: Record<string, string> = {
  $__rate_interval: '1m',
  $__range: '15m',
  $job: 'vestibule',
  $namespace: 'test',
  $project: '.*',
  $instance: '.*',
};
const CLOSED_LISTS: Record<string, ReadonlySet<string>> = {
  outcome: new Set(['created', ...Object.keys(STATUS_BY_CODE)]),
  event: new Set(AUDIT_EVENTS),
};

/** A subquery's steps are at full minutes: in a Prometheus of some seconds there is none yet. */
const inSeconds = (query: string): string => query.replaceAll(/(?<=\[\w+:)5m(?=\])/g, '1s');
const nameOf = ({ alert, record }: (typeof RULES)[number]): string => alert ?? record ?? '';

const RULE_QUERIES = RULES.map((rule) => ({ name: nameOf(rule), expr: inSeconds(rule.expr) }));
const FILLED_QUERIES = PANEL_QUERIES.map(({ name, expr }) => ({ name, expr: filledIn(expr, VARIABLES) }));
const QUERIES = [...RULE_QUERIES, ...FILLED_QUERIES];

let scene: Scene;
let prometheus: Prometheus;
/** The last that was started is stopped first. */
const stops: (() => Promise<void> | void)[] = [];
/** Labels of every metric that was scraped or recorded. */
let known: Map<string, Set<string>>;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-monitoring-'));
  stops.unshift(() => {
    rmSync(folder, { recursive: true });
  });
  scene = await Scene.start(folder);
  stops.unshift(() => scene.stack.stop());
  const replica = await startClusterReplica();
  stops.unshift(() => replica.stop());
  const services = scene.stack.services.map(({ opsUrl }, index) => ({
    address: new URL(opsUrl).host,
    pod: `vestibule-${index}`,
  }));
  prometheus = await Prometheus.start(
    [...services, { address: replica.address, pod: 'cluster' }],
    RULE_FILES,
  );
  stops.unshift(() => prometheus.stop());
  await until('all are scraped', async () => (await prometheus.query('sum(up) == 3')).length > 0);
  // Twice: a rate sees nothing of the event that a series is born with.
  await scene.play();
  await seen('audit_events_total{event="admin_rejected"} == 1');
  await scene.play();
  await seen('audit_events_total{event="admin_rejected"} == 2');
  await seen('vestibule:audit_events:increase15m{event="admin_rejected"} > 0');
  await seen('sum(vestibule:sessions_failed:ratio_rate3d) > 0');
  const series = await prometheus.series('{job="vestibule"}');
  const recorded = await prometheus.series('{__name__=~"vestibule:.+"}');
  known = new Map();
  for (const { __name__: name = '', ...labels } of [...series, ...recorded]) {
    const labelsOfIt = known.get(name) ?? new Set(TARGET_LABELS);
    for (const label of Object.keys(labels)) labelsOfIt.add(label);
    known.set(name, labelsOfIt);
  }
}, 90_000);
afterAll(async () => {
  for (const stop of stops) await stop();
});

async function seen(query: string): Promise<void> {
  await until(`Prometheus sees ${query}`, async () => (await prometheus.query(query)).length > 0, 20_000);
}

const figuresIn = (samples: Sample[]): Sample[] => samples.filter(({ value: [, text] }) => text !== 'NaN');

function unknownLabels({ metric, matchers }: Selector): string[] {
  const labels = known.get(metric);
  if (labels === undefined) return [metric];
  return matchers.filter(({ label }) => !labels.has(label)).map(({ label }) => `${metric}.${label}`);
}

function unknownValues({ matchers }: Selector): string[] {
  return matchers
    .filter(({ operator, value }) => operator === '=' || (operator === '=~' && /^[\w|]+$/.test(value)))
    .flatMap(({ label, value }) => value.split('|').map((one) => ({ label, one })))
    .filter(({ label, one }) => CLOSED_LISTS[label]?.has(one) === false)
    .map(({ label, one }) => `${label}=${one}`);
}

it('every rule is evaluated without an error', async () => {
  const rules = await prometheus.rules();
  expect(rules).toHaveLength(RULES.length);
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
});

it('what is told of the recording rules is what they record', () => {
  const recorded = RULES.flatMap(({ record }) => (record === undefined ? [] : [record]));
  expect([...known.keys()].filter((name) => name.startsWith('vestibule:')).sort()).toEqual(recorded.sort());
});

describe.each(QUERIES)('$name', ({ expr }) => {
  it('names metrics and labels that the service has', () => {
    const selectors = selectorsOf(expr);
    expect(selectors.length).toBeGreaterThan(0);
    expect(selectors.flatMap(unknownLabels)).toEqual([]);
    expect(selectors.flatMap(unknownValues)).toEqual([]);
    const labels = new Set(selectors.flatMap(({ metric }) => [...(known.get(metric) ?? [])]));
    expect(groupingsOf(expr).filter((label) => !labels.has(label))).toEqual([]);
  });

  it('selects series, each selector of it, and finds figures', async () => {
    for (const { text } of selectorsOf(expr)) {
      expect([text, (await prometheus.query(`last_over_time(${text}[5m])`)).length]).not.toEqual([text, 0]);
    }
    expect(figuresIn(await prometheus.query(withoutFilters(expr)))).not.toEqual([]);
  });
});

it('the dashboard’s variables find their values', async () => {
  for (const { name, type, query } of DASHBOARD.templating.list) {
    if (type !== 'query' || typeof query === 'string') continue;
    const [, selector = '', label = ''] =
      /^label_values\((.+), (\w+)\)$/.exec(filledIn(query.query, VARIABLES)) ?? [];
    const found = (await prometheus.series(selector)).map((labels) => labels[label]);
    expect([name, found.filter((value) => value !== undefined && value !== '').length]).not.toEqual([
      name,
      0,
    ]);
  }
});

it('alerts of single events fire, and none of a promise that holds', async () => {
  const alerts = new Set((await prometheus.query('ALERTS')).map(({ metric }) => metric['alertname']));
  for (const happened of ['AdminKeyGuessed', 'Defect', 'KeyRejected', 'QuotaUsedUp'])
    expect(alerts).toContain(`Vestibule${happened}`);
  for (const not of ['KeyNotFromVault', 'SessionNotAudited', 'Down', 'DatabaseAway', 'AuditFile', 'NoLeader'])
    expect(alerts).not.toContain(`Vestibule${not}`);
});
