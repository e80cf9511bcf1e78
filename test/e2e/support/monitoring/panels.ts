import { filledIn, PANEL_QUERIES } from '../../../monitoring/charts.ts';
import type { PrometheusApi } from '../../../monitoring/prometheus-api.ts';
import { timeLapsed } from '../../../monitoring/time-lapse.ts';
import { FACTOR } from './prometheus-pod.ts';

/** As Grafana would put them in, for a dashboard of these minutes. */
const VARIABLES = {
  $__rate_interval: '10s',
  $__range: '120s',
  $job: 'vestibule',
  $namespace: '.*',
  $project: '.*',
  $instance: '.*',
};

/** The dashboard's queries, in a world that goes so many times faster. */
export class Panels {
  readonly #blank = new Set(PANEL_QUERIES.map(({ name }) => name));

  /** Those that had no figure whenever they were looked at. */
  get blank(): string[] {
    return [...this.#blank];
  }

  async look(prometheus: PrometheusApi): Promise<void> {
    for (const { name, expr } of PANEL_QUERIES) {
      if (!this.#blank.has(name)) continue;
      const found = await prometheus.query(filledIn(timeLapsed(expr, FACTOR), VARIABLES));
      if (found.some(({ value: [, text] }) => text !== 'NaN')) this.#blank.delete(name);
    }
  }
}
