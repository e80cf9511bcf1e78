import type { Row, Variable } from './grafana.ts';
import { OPERATION_ROWS } from './operation-rows.ts';
import { PROMISE_ROWS } from './promise-rows.ts';
import { SESSION_ROWS } from './session-rows.ts';

export const VARIABLES: readonly Variable[] = [
  { name: 'job', label: 'Job', query: 'label_values(vault_sync_lag_seconds, job)', many: false },
  {
    name: 'namespace',
    label: 'Namespace',
    query: 'label_values(vault_sync_lag_seconds{job="$job"}, namespace)',
    many: true,
  },
  {
    name: 'project',
    label: 'Project',
    query: 'label_values(sessions_max{job="$job",namespace=~"$namespace"}, project)',
    many: true,
  },
  {
    name: 'instance',
    label: 'Replica',
    query: 'label_values(vault_sync_lag_seconds{job="$job",namespace=~"$namespace"}, instance)',
    many: true,
  },
];

/** What the service promises comes first. */
export const ROWS: readonly Row[] = [...PROMISE_ROWS, ...SESSION_ROWS, ...OPERATION_ROWS];
