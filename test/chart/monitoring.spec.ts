import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { CHART, changed, type Manifest, only, render, valuesOf } from './support/helm.ts';

const base = valuesOf('default');
const full = valuesOf('full');

describe('a ServiceMonitor', () => {
  it('scrapes the Service of the metrics, as the job that the alerts ask for', async () => {
    const manifests = await render(full);
    const monitor = only(manifests, 'ServiceMonitor');
    const service = only(manifests, 'Service', '-ops');
    expect(service.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
    expect(only(manifests, 'Service', 'vestibule').metadata.labels).not.toMatchObject(
      monitor.spec.selector.matchLabels,
    );
    expect(service.metadata.labels[monitor.spec.jobLabel as string]).toBe('vestibule');
    expect(monitor.spec.endpoints).toEqual([
      { port: service.spec.ports[0].name, path: '/metrics', interval: '15s', scrapeTimeout: '10s' },
    ]);
    expect(monitor.metadata.labels['release']).toBe('prometheus');
  });
});

describe('what is beside the templates for Prometheus and Grafana', () => {
  const rules = {
    alerts: [
      {
        name: 'a',
        rules: [
          {
            alert: 'One',
            expr: 'up == 0',
            annotations: {
              text: '{{ $labels.instance }}',
              runbook_url: 'https://vestibule.dev/runbooks/One.md',
            },
          },
        ],
      },
    ],
    recording: [{ name: 'b', interval: '30s', rules: [{ record: 'two', expr: '1' }] }],
  };
  const dashboard = JSON.stringify({
    title: 'Sessions',
    panels: [{ legend: '{{project}}' }],
    big: 1_000_000,
  });
  let chart: string;
  let manifests: Manifest[];
  beforeAll(async () => {
    chart = mkdtempSync(join(tmpdir(), 'vestibule-chart-'));
    cpSync(CHART, chart, { recursive: true });
    for (const folder of ['rules', 'dashboards']) {
      rmSync(join(chart, folder), { recursive: true, force: true });
      mkdirSync(join(chart, folder));
    }
    for (const [name, groups] of Object.entries(rules)) {
      writeFileSync(join(chart, 'rules', `${name}.yaml`), stringify({ groups }));
    }
    writeFileSync(join(chart, 'dashboards', 'sessions.json'), dashboard);
    manifests = await render(full, { chart });
  });
  afterAll(() => {
    rmSync(chart, { recursive: true });
  });

  it('is one PrometheusRule, word by word', () => {
    const { spec, metadata } = only(manifests, 'PrometheusRule');
    expect(spec.groups).toEqual([...rules.alerts, ...rules.recording]);
    expect(metadata.labels['release']).toBe('prometheus');
  });

  it('leads to the pages of alerts where they are served', async () => {
    const runbooks = 'https://wiki.example.com/voice/';
    const values = changed(full, { monitoring: { rules: { runbooks } } });
    const [alert] = only(await render(values, { chart }), 'PrometheusRule').spec.groups[0].rules;
    expect(alert.annotations.runbook_url).toBe(`${runbooks}One.md`);
  });

  it('is a ConfigMap a dashboard, byte by byte, where Grafana looks', () => {
    const { metadata, data } = only(manifests, 'ConfigMap', '-dashboard-sessions');
    expect(metadata).toMatchObject({
      namespace: 'monitoring',
      labels: { grafana_dashboard: '1' },
      annotations: { folder: 'Voice' },
    });
    expect(data).toEqual({ 'sessions.json': dashboard });
  });

  it('has a name of its own for each release', async () => {
    const other = await render(full, { chart, namespace: 'other' });
    const names = [manifests, other].map((each) => only(each, 'ConfigMap').metadata.name);
    expect(new Set(names).size).toBe(2);
  });

  it('is not there by default', async () => {
    const kinds = (await render(base, { chart })).map(({ kind }) => kind);
    for (const kind of ['ServiceMonitor', 'PrometheusRule', 'ConfigMap']) expect(kinds).not.toContain(kind);
  });
});
