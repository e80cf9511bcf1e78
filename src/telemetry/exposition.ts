import {
  type Metric,
  type MetricObjectWithValues,
  type MetricValue,
  type OpenMetricsContentType,
  type PrometheusContentType,
  Registry,
} from 'prom-client';

export interface Exposition {
  contentType: string;
  text: string;
}

/** A registry whose histograms can have exemplars. It is read by `exposition` only. */
export function openMetricsRegistry(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

/** What the registry asks of a metric, though its types do not tell. */
interface Renderable {
  name: string;
  type: string;
  get: () => Promise<MetricObjectWithValues<MetricValue<string>>>;
}

/** All metrics in the format that was asked for: OpenMetrics, which alone has exemplars, or Prometheus's text. */
export async function exposition(
  registry: Registry<OpenMetricsContentType>,
  accept: string | undefined,
): Promise<Exposition> {
  const isOpen = accept?.includes('application/openmetrics-text') === true;
  const format = new Registry<OpenMetricsContentType | PrometheusContentType>();
  format.setContentType(isOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
  for (const metric of registry.getMetricsAsArray() as unknown as Renderable[]) {
    format.registerMetric(standIn(metric, isOpen) as unknown as Metric);
  }
  return { contentType: format.contentType, text: await format.metrics() };
}

/** When it writes OpenMetrics, the library takes `_total` from a counter's own name, for good: so not from ours. */
function standIn(metric: Renderable, isOpen: boolean): Renderable {
  const { type } = metric;
  const name = isOpen && type === 'counter' ? metric.name.replace(/_total$/, '') : metric.name;
  return { name, type, get: async () => ({ ...(await metric.get()), name }) };
}
