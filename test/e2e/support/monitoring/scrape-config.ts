import { parseAllDocuments } from 'yaml';
import type { RuleGroup } from '../../../monitoring/charts.ts';

/** As far as the chart writes one. */
export interface ServiceMonitor {
  kind: 'ServiceMonitor';
  spec: {
    jobLabel: string;
    selector: { matchLabels: Record<string, string> };
    endpoints: { port: string; path: string }[];
  };
}

interface PrometheusRule {
  kind: 'PrometheusRule';
  spec: { groups: RuleGroup[] };
}

/** What the chart hands to the Prometheus Operator. */
export interface Monitoring {
  serviceMonitor: ServiceMonitor;
  groups: RuleGroup[];
}

export function monitoringOf(manifests: string): Monitoring {
  const objects = parseAllDocuments(manifests).map(
    (document) => document.toJS() as ServiceMonitor | PrometheusRule | null,
  );
  const serviceMonitor = objects.find((object) => object?.kind === 'ServiceMonitor');
  const rules = objects.find((object) => object?.kind === 'PrometheusRule');
  if (serviceMonitor === undefined || rules === undefined) throw new Error('the chart monitors nothing');
  return { serviceMonitor: serviceMonitor, groups: rules.spec.groups };
}

/** As Prometheus names a label in discovery. */
const metaName = (label: string): string => label.replaceAll(/\W/g, '_');

/** The scrape configurations that the Prometheus Operator makes of a ServiceMonitor, with another way to find targets. */
export function scrapeConfigs(
  { spec }: ServiceMonitor,
  discovery: Record<string, unknown>,
): Record<string, unknown>[] {
  const { jobLabel, selector, endpoints } = spec;
  return endpoints.map(({ port, path }, index) => ({
    job_name: `serviceMonitor/${index}`,
    metrics_path: path,
    ...discovery,
    relabel_configs: [
      ...Object.entries(selector.matchLabels).map(([label, value]) => ({
        action: 'keep',
        source_labels: [
          `__meta_kubernetes_service_label_${metaName(label)}`,
          `__meta_kubernetes_service_labelpresent_${metaName(label)}`,
        ],
        regex: `(${value});true`,
      })),
      { action: 'keep', source_labels: ['__meta_kubernetes_endpoint_port_name'], regex: port },
      { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
      { source_labels: ['__meta_kubernetes_service_name'], target_label: 'service' },
      { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
      { source_labels: ['__meta_kubernetes_pod_container_name'], target_label: 'container' },
      { action: 'drop', source_labels: ['__meta_kubernetes_pod_phase'], regex: '(Failed|Succeeded)' },
      {
        source_labels: [`__meta_kubernetes_service_label_${metaName(jobLabel)}`],
        target_label: 'job',
        regex: '(.+)',
      },
      { target_label: 'endpoint', replacement: port },
    ],
  }));
}
