import { DASHBOARD, PANELS } from './charts.ts';

const COLUMNS = 24;
const { templating } = DASHBOARD;

it('vault hits and error_rate come first', () => {
  const line = PANELS.filter(({ gridPos }) => gridPos.y === PANELS[0]?.gridPos.y);
  const [vault, hits, rate, rates] = line.map(({ targets = [] }) =>
    targets.map(({ expr }) => expr).join(' '),
  );
  for (const exprs of [vault, hits]) expect(exprs).toContain('vault_hits_total{');
  for (const exprs of [rate, rates]) expect(exprs).toContain('error_rate{');
});

it('is found by the same address in every Grafana, with whichever Prometheus it has', () => {
  expect(DASHBOARD.uid).toBe('vestibule');
  expect(templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
  const uids = [...JSON.stringify(DASHBOARD).matchAll(/"uid":"([^"]*)"/g)].map(([, uid]) => uid);
  expect(new Set(uids)).toEqual(new Set(['vestibule', '${datasource}']));
});

it('asks for no variable that it does not have', () => {
  const names = new Set(templating.list.map(({ name }) => name));
  const asked = [...JSON.stringify(DASHBOARD).matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
  const unknown = asked.filter((name) => !names.has(name) && !/^(__rate_interval|__range|__all)$/.test(name));
  expect(unknown).toEqual([]);
  expect([...names].sort()).toEqual(['datasource', 'instance', 'job', 'namespace', 'project']);
});

it('panels lie within 24 columns, each on a place of its own', () => {
  const taken = new Set<string>();
  for (const { title, gridPos } of DASHBOARD.panels) {
    const { x, y, w, h } = gridPos;
    expect([title, x + w <= COLUMNS]).toEqual([title, true]);
    for (let column = x; column < x + w; column += 1) {
      for (let line = y; line < y + h; line += 1) {
        expect([title, taken.has(`${column} ${line}`)]).toEqual([title, false]);
        taken.add(`${column} ${line}`);
      }
    }
  }
  const ids = DASHBOARD.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

it.each(PANELS)('$title says what it shows, in which unit, and names its lines', (panel) => {
  expect(panel.description).toMatch(/^[^\n]{20,250}\.$/);
  expect(panel.fieldConfig?.defaults.unit).toBeDefined();
  expect(panel.datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
  const { targets = [] } = panel;
  expect(targets.length).toBeGreaterThan(0);
  for (const { legendFormat } of targets) expect(legendFormat).toMatch(/\S/);
  const legends = targets.map(({ legendFormat }) => legendFormat);
  expect(new Set(legends).size).toBe(legends.length);
});
