import { Module } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Backend } from '../backend.ts';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Settings } from '../config/load-settings.ts';
import { LeaseElection } from '../kubernetes/lease-election.ts';
import { LEASE_NAME } from '../kubernetes/permissions.ts';
import { COORDINATION_API, pathOf } from '../kubernetes/resource-paths.ts';
import { Observer } from '../projects/observer.ts';
import { ObserverModule } from '../projects/observer.module.ts';
import { ProjectRegistry } from '../projects/project-registry.ts';
import { ProjectsModule } from '../projects/projects.module.ts';
import { ActiveSessions } from '../session/active-sessions.ts';
import { SessionModule } from '../session/session.module.ts';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { MetricsModule } from '../telemetry/metrics.module.ts';
import { certificateMetrics } from '../vault/sealing/certificate-metrics.ts';
import { EventWriter } from './event-writer.ts';
import { Operator, reconcileAsLeader } from './operator.ts';
import { operatorMetrics } from './operator-metrics.ts';
import { Reconciler } from './reconciler.ts';
import { WorkQueue } from './work-queue.ts';

const QUEUE = { workers: 12, firstBackoffMs: 200, mostBackoffMs: 30_000 };

/** Only where configuration is in a cluster. */
@Module({
  imports: [MetricsModule, ObserverModule, ProjectsModule, SessionModule],
  providers: [
    provide(
      Operator,
      [Backend, Settings, ProjectRegistry, Observer, ActiveSessions, Metrics, Clock, Log],
      (backend, { namespace }, registry, observer, activeSessions, metrics, clock, log) => {
        if (backend.kubernetes === undefined) throw new TypeError('the operator needs a cluster');
        const { cluster, manifests, certificates } = backend.kubernetes;
        certificateMetrics(metrics.registry, certificates);
        const { vault } = backend;
        const logger = log.child({ component: 'operator' });
        const identity = `${hostname()}_${randomBytes(6).toString('hex')}`;
        const lease = {
          collection: pathOf(COORDINATION_API, namespace, 'leases'),
          name: LEASE_NAME,
          identity,
        };
        const election = new LeaseElection(cluster, lease, clock, logger);
        const events = new EventWriter(cluster, { namespace, identity }, clock, logger);
        const reconciler = new Reconciler({ cluster, manifests, observer, events }, clock);
        const onFailed = (resource: string, error: unknown): void => {
          logger.warn({ err: error, resource }, 'a status could not be written; it is tried again');
        };
        const queue = new WorkQueue(
          reconcileAsLeader(election, reconciler),
          QUEUE,
          { ...operatorMetrics(metrics.registry, election), onFailed },
          clock,
        );
        const parts = { election, manifests, registry, vault, observer, activeSessions, reconciler, queue };
        return new Operator(parts, logger);
      },
    ),
  ],
  exports: [Operator],
})
export class OperatorModule {}
