import type { Query } from './grafana.ts';

/** Every series of the chosen replicas; `project` only where a series has one. */
export const REPLICAS = 'job="$job",namespace=~"$namespace",instance=~"$instance"';
export const PROJECTS = `${REPLICAS},project=~"$project"`;
/** What the recording rules record. */
export const RECORDED = 'namespace=~"$namespace"';

export const rate = (by: string, metric: string, matchers: string): string =>
  `sum by (${by}) (rate(${metric}{${matchers}}[$__rate_interval]))`;
export const total = (metric: string, matchers: string): string =>
  `sum(rate(${metric}{${matchers}}[$__rate_interval]))`;
export const replica = (expr: string): Query => ({ expr, legend: '{{instance}}' });

export function percentiles(histogram: string): Query[] {
  return ['0.5', '0.95', '0.99'].map((share) => ({
    expr: `histogram_quantile(${share}, sum by (le) (rate(${histogram}_bucket{${REPLICAS}}[$__rate_interval])))`,
    legend: `p${Number(share) * 100}`,
  }));
}
