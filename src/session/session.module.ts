import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.ts';
import { Chains } from '../audit/chains.ts';
import { RejectionSampler } from '../audit/rejection-sampler.ts';
import { AuditSink } from '../audit/sinks/audit-sink.ts';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Database } from '../database/database.ts';
import { Installation } from '../database/installation.ts';
import { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import { ProjectRegistry } from '../projects/project-registry.ts';
import { ProjectsModule } from '../projects/projects.module.ts';
import { ProvidersModule } from '../providers/providers.module.ts';
import { RealtimeProvider } from '../providers/realtime-provider.ts';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { MetricsModule } from '../telemetry/metrics.module.ts';
import { TurnCredentials } from '../turn/turn-credentials.ts';
import { TurnModule } from '../turn/turn.module.ts';
import { Vault } from '../vault/vault.ts';
import { ActiveSessions } from './active-sessions.ts';
import { Admission } from './admission.ts';
import { AdminSessionsController } from './admin-sessions.controller.ts';
import { LeaseHolders } from './lease-holders.ts';
import { LeaseService } from './lease.service.ts';
import { SessionController } from './session.controller.ts';
import { SessionEndpoint } from './session-endpoint.ts';
import { SessionOpener } from './session-opener.ts';
import { SessionQueries } from './session-queries.ts';
import { SessionStore } from './session-store.ts';
import { Suspension } from './suspension.ts';
import { Sweeper } from './sweeper.ts';
import { TurnController } from './turn.controller.ts';

@Module({
  imports: [AuditModule, MetricsModule, ProjectsModule, ProvidersModule, TurnModule],
  controllers: [SessionController, AdminSessionsController, TurnController],
  providers: [
    provide(Admission, [Clock], (clock) => new Admission(clock)),
    provide(
      SessionStore,
      [Database, Chains, AuditSink, Clock, Admission, Metrics],
      (database, chains, sink, clock, admission, metrics) =>
        new SessionStore(database, { chains, sink }, clock, admission, (events, seconds) => {
          metrics.audited(events, seconds);
        }),
    ),
    provide(
      ActiveSessions,
      [SessionQueries, Installation],
      (queries, installation) => new ActiveSessions(queries, installation),
    ),
    provide(SessionQueries, [Database], (database) => new SessionQueries(database)),
    provide(
      LeaseService,
      [SessionQueries, SessionStore],
      (queries, store) => new LeaseService(queries, store),
    ),
    provide(
      LeaseHolders,
      [LeaseService, ProjectPseudonyms, RejectionSampler],
      (leases, pseudonyms, rejections) => new LeaseHolders(leases, pseudonyms, rejections),
    ),
    provide(
      SessionOpener,
      [SessionStore, RealtimeProvider, TurnCredentials, ProjectRegistry, Installation, Clock],
      (store, provider, turn, registry, installation, clock) =>
        new SessionOpener(store, { provider, turn }, registry, installation, clock),
    ),
    provide(
      SessionEndpoint,
      [SessionOpener, ProjectRegistry, Vault, RejectionSampler, Admission],
      (opener, registry, vault, rejections, admission) =>
        new SessionEndpoint(opener, registry, vault, rejections, admission),
    ),
    provide(
      Sweeper,
      [Database, SessionStore, Clock, Log],
      (database, store, clock, log) => new Sweeper(database, store, clock, log),
    ),
    provide(
      Suspension,
      [ProjectRegistry, SessionQueries, LeaseService, Installation, Clock, Log],
      (registry, queries, leases, installation, clock, log) =>
        new Suspension({ registry, queries, leases }, installation, clock, log),
    ),
  ],
  exports: [ActiveSessions, Admission, SessionQueries, Sweeper, Suspension],
})
export class SessionModule {}
