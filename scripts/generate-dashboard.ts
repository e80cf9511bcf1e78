/** Writes the Grafana dashboard of the chart; with `--check`, only tells whether it is what the rows say. */
import { DATASOURCE_VARIABLE, layOut, variableOf } from './dashboard/grafana.ts';
import { ROWS, VARIABLES } from './dashboard/rows.ts';
import { generate } from './generated-file.ts';

const dashboard = {
  uid: 'vestibule',
  title: 'Vestibule',
  description: 'Sessions, keys, limits and audit of the session broker.',
  tags: ['vestibule'],
  schemaVersion: 41,
  version: 1,
  editable: true,
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  timezone: 'browser',
  annotations: { list: [] },
  links: [],
  templating: { list: [DATASOURCE_VARIABLE, ...VARIABLES.map(variableOf)] },
  panels: layOut(ROWS),
};

generate('charts/vestibule/dashboards/vestibule.json', `${JSON.stringify(dashboard, null, 2)}\n`, {
  source: 'its rows',
  script: 'scripts/generate-dashboard.ts',
});
