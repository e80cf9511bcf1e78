import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { AppModule } from './app.module.ts';
import { type Backend, openBackend } from './backend.ts';
import { Checkpointer } from './audit/checkpointer.ts';
import { RejectionSampler } from './audit/rejection-sampler.ts';
import { AuditSink } from './audit/sinks/audit-sink.ts';
import type { Clock } from './common/clock.ts';
import { within } from './common/within.ts';
import type { Settings } from './config/load-settings.ts';
import { createDataSource } from './database/data-source.ts';
import { Database } from './database/database.ts';
import { Installation } from './database/installation.ts';
import { AppErrorFilter } from './http/app-error.filter.ts';
import { createFastify } from './http/fastify.ts';
import { RouteTable } from './http/route-table.ts';
import { DatabaseLink } from './database/database-link.ts';
import { LiveFeed } from './events/live-feed.ts';
import { Operator } from './operator/operator.ts';
import type { Platform } from './platform.module.ts';
import { ProjectRegistry } from './projects/project-registry.ts';
import { RealtimeProvider } from './providers/realtime-provider.ts';
import { Admission } from './session/admission.ts';
import { Suspension } from './session/suspension.ts';
import { Sweeper } from './session/sweeper.ts';
import { NestLog, type Log } from './telemetry/log.ts';
import { Metrics } from './telemetry/metrics.ts';
import { OpsServer } from './telemetry/ops-server.ts';
import { Readiness } from './telemetry/readiness.ts';
import { forgetRemoved } from './telemetry/forget-removed.ts';
import { CloudflareTurn } from './turn/cloudflare.ts';
import { RequestRecorder } from './telemetry/record-request.ts';

/** Every request that began before a stop gets its answer within this time. */
const DRAIN_TIMEOUT_MS = 18_000;

export interface ServiceOptions {
  settings: Settings;
  log: Log;
  clock: Clock;
  databaseUrls: { serving: string; migration: string };
  /** Called when the database, once reached, is one that must not be used. */
  onRefused: () => void;
}

export interface Service {
  url: string;
  opsUrl: string;
  routes: RouteTable;
  /** Not ready any more, and still answering, until those in front of it send to others. */
  drain(): Promise<void>;
  stop(): Promise<void>;
  /** Whether a call to the system does not return, for which the end of a process waits for ever. */
  hangs(): boolean;
}

/** Builds the service and starts its parts in the order in which they need each other; stops them in reverse. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { settings, log, clock, databaseUrls, onRefused } = options;
  const dataSource = createDataSource({
    url: databaseUrls.serving,
    poolSize: settings.databasePool,
    applicationName: 'vestibule',
    onPoolError: (error) => {
      log.debug({ err: error }, 'an idle database connection broke');
    },
  });
  const database = new Database(dataSource, settings.databasePrepared === 'on');
  const installation = new Installation();
  const backend = await openBackend(settings, log, clock);
  const routes = new RouteTable();
  const app = await createApp({ settings, log, clock, database, installation, backend, routes });
  const link = new DatabaseLink(dataSource, { database, installation }, databaseUrls, settings, {
    logger: log,
    onRefused,
  });
  const parts = new Parts(app, backend);
  try {
    await backend.manifests.start();
    await backend.vault.start();
    parts.registry.start();
    parts.registry.onChange((now, before) => {
      void forgetRemoved(parts.metrics, now, before);
    });
    await link.start();
    parts.sink.start();
    parts.checkpointer.start();
    parts.readiness.require(() => parts.sink.problem());
    parts.rejections.start();
    parts.suspension.start();
    parts.sweeper.start();
    const opsPort = await parts.ops.listen(settings.opsPort, settings.host);
    await app.listen(settings.port, settings.host);
    const { port } = app.getHttpServer().address() as AddressInfo;
    let stopping = false;
    link.whenReady(() => {
      void Promise.all([backend.manifests.loaded, backend.vault.loaded]).then(() => {
        parts.readiness.markStarted();
        if (!stopping) parts.operator?.start();
      });
    });
    return {
      url: `http://${urlHost(settings.host)}:${port}`,
      opsUrl: `http://${urlHost(settings.host)}:${opsPort}`,
      routes,
      drain: async () => {
        stopping = true;
        // Nobody sends to one that never was ready, or no longer is.
        const known = parts.readiness.problem() === undefined;
        parts.readiness.markDraining();
        parts.feed.stop();
        if (known) await delay(settings.drainSeconds * 1_000);
      },
      stop: async () => {
        stopping = true;
        parts.readiness.markDraining();
        parts.feed.stop();
        await within(DRAIN_TIMEOUT_MS, app.close());
        await stopParts(parts, { backend, link, database });
      },
      hangs: () => parts.sink.hangs(),
    };
  } catch (error) {
    await app.close().catch(() => undefined);
    await stopParts(parts, { backend, link, database });
    throw error;
  }
}

/** What of the built application has to be started and stopped. */
class Parts {
  readonly registry: ProjectRegistry;
  readonly sink: AuditSink;
  readonly checkpointer: Checkpointer;
  readonly rejections: RejectionSampler;
  readonly suspension: Suspension;
  readonly sweeper: Sweeper;
  readonly feed: LiveFeed;
  readonly ops: OpsServer;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly operator: Operator | undefined;
  readonly provider: RealtimeProvider;
  readonly cloudflare: CloudflareTurn;

  constructor(app: NestFastifyApplication, backend: Backend) {
    const get = <T>(token: abstract new (...args: never[]) => T): T => app.get<T>(token, { strict: false });
    this.registry = get(ProjectRegistry);
    this.sink = get(AuditSink);
    this.checkpointer = get(Checkpointer);
    this.rejections = get(RejectionSampler);
    this.suspension = get(Suspension);
    this.sweeper = get(Sweeper);
    this.feed = get(LiveFeed);
    this.ops = get(OpsServer);
    this.readiness = get(Readiness);
    this.metrics = get(Metrics);
    this.operator = backend.kubernetes && get(Operator);
    this.provider = get(RealtimeProvider);
    this.cloudflare = get(CloudflareTurn);
  }
}

async function stopParts(
  parts: Parts,
  { backend, link, database }: { backend: Backend; link: DatabaseLink; database: Database },
): Promise<void> {
  link.stop();
  await parts.operator?.stop();
  parts.sweeper.stop();
  parts.suspension.stop();
  await parts.rejections.stop();
  await parts.checkpointer.stop();
  await parts.sink.stop();
  parts.registry.stop();
  backend.vault.stop();
  backend.manifests.stop();
  await parts.provider.close();
  await parts.cloudflare.close();
  await database.close();
  await backend.kubernetes?.cluster.close();
  await parts.ops.close();
}

type AppOptions = Platform & { routes: RouteTable };

async function createApp(options: AppOptions): Promise<NestFastifyApplication> {
  const { settings, log, clock, routes } = options;
  let recorder: RequestRecorder | undefined;
  let admission: Admission | undefined;
  let readiness: Readiness | undefined;
  const adapter = createFastify({
    settings,
    clock,
    routes,
    onFinished: (request) => {
      (recorder ??= app.get<RequestRecorder>(RequestRecorder, { strict: false })).record(request);
    },
    turnAway: (authorization) =>
      (admission ??= app.get<Admission>(Admission, { strict: false })).turnAway(authorization),
    isDraining: () => (readiness ??= app.get<Readiness>(Readiness, { strict: false })).draining,
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.of(options), adapter, {
    logger: new NestLog(log),
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new AppErrorFilter(routes, clock, log));
  return app;
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
