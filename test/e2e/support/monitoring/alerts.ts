import type { PrometheusApi } from '../../../monitoring/prometheus-api.ts';
import { RELEASE } from '../installation.ts';

const FIRING = 'ALERTS{alertstate="firing"}';

/** As faults write them: without `Vestibule`, and with what an alert is about. */
function nameOf({ alertname = '', project = '', pod = '' }: Record<string, string>): string {
  const whose = pod.startsWith(`${RELEASE}-`) ? 'server' : pod;
  return [alertname.replace(/^Vestibule/, ''), project, whose].filter(Boolean).join(' ');
}

async function named(prometheus: PrometheusApi, query: string): Promise<string[]> {
  const names = (await prometheus.query(query)).map(({ metric }) => nameOf(metric));
  return [...new Set(names)].sort();
}

export const firing = (prometheus: PrometheusApi): Promise<string[]> => named(prometheus, FIRING);

/** Also those that do not fire any more. */
export const firedWithin = (prometheus: PrometheusApi, seconds: number): Promise<string[]> =>
  named(prometheus, `last_over_time(${FIRING}[${Math.max(1, Math.floor(seconds))}s])`);
