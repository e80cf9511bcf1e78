import { Counter, Gauge, Histogram } from 'prom-client';
import type { LeaseElection } from '../kubernetes/lease-election.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { WorkQueueObserver } from './work-queue.ts';

const BUCKETS = [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** The queue's figures, under the names that Kubernetes' own controllers use, and which replica leads. */
export function operatorMetrics(
  registry: Metrics['registry'],
  election: Pick<LeaseElection, 'leads'>,
): Omit<WorkQueueObserver, 'onFailed'> {
  const registers = [registry];
  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Resources that wait for their status',
    registers,
  });
  const adds = new Counter({
    name: 'workqueue_adds_total',
    help: 'Resources put into the queue for their status to be written',
    registers,
  });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Resources put back because their status could not be written',
    registers,
  });
  const duration = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'Time to look at a resource and write its status',
    buckets: BUCKETS,
    registers,
  });
  const leader: Gauge = new Gauge({
    name: 'operator_leader',
    help: 'Whether this replica writes status: 1, or 0',
    registers,
    collect: () => {
      leader.set(election.leads ? 1 : 0);
    },
  });
  return {
    onAdded: () => {
      adds.inc();
    },
    onDepth: (keys) => {
      depth.set(keys);
    },
    onRetried: () => {
      retries.inc();
    },
    onDone: (seconds) => {
      duration.observe(seconds);
    },
  };
}
