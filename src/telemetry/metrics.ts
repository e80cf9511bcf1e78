import { trace } from '@opentelemetry/api';
import { collectDefaultMetrics, Counter, Gauge, Histogram } from 'prom-client';
import type { AuditEventName } from '../audit/audit-event.ts';
import type { Clock } from '../common/clock.ts';
import { openMetricsRegistry } from './exposition.ts';
import { RequestWindow } from './request-window.ts';

/** Seconds. The provider's deadline is the last: what takes longer is an error. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** One request to a session route, as it ended. */
export interface SessionRequest {
  /** Empty for one that no project could be told of. */
  project: string;
  flow: 'vault' | 'commercial' | '';
  /** `created`, `replayed` (which is neither a session nor an error) or the error's code. */
  outcome: string;
  seconds: number;
  /** Of a trace that is recorded. */
  traceId: string | undefined;
}

/** What is configured, by project, and how old that knowledge may be. */
export interface ProjectFigures {
  caps: ReadonlyMap<string, number>;
  /** Seconds; of projects that have a key. */
  keyAges: ReadonlyMap<string, number>;
  syncLagSeconds: number;
}

/** The service's figures, on a registry of its own. */
export class Metrics {
  readonly registry = openMetricsRegistry();
  readonly #window: RequestWindow;
  /** Of this process, also for projects that were removed since: a total that falls would read as a restart. */
  readonly #totals = { created: 0, vaultHits: 0 };
  readonly #vaultHits = new Counter({
    name: 'vault_hits_total',
    help: 'Sessions created with a key from the vault',
    labelNames: ['project', 'flow'],
    registers: [this.registry],
  });
  readonly #sessions = new Counter({
    name: 'sessions_total',
    help: 'Requests for a session by how they ended: created, or the error code',
    labelNames: ['project', 'flow', 'outcome'],
    registers: [this.registry],
  });
  readonly #active = new Gauge({
    name: 'sessions_active',
    help: 'Sessions that hold a slot, by the database',
    labelNames: ['project'],
    registers: [this.registry],
  });
  readonly #cap = new Gauge({
    name: 'sessions_max',
    help: 'Sessions that may hold a slot at once, as the project is configured',
    labelNames: ['project'],
    registers: [this.registry],
  });
  readonly #databaseUp = new Gauge({
    name: 'database_up',
    help: 'Whether the database answered when this process last asked it for its sessions: 1, or 0',
    registers: [this.registry],
  });
  readonly #errorRate = new Gauge({
    name: 'error_rate',
    help: 'Share of requests for a session over 5 minutes that did not end in one',
    registers: [this.registry],
    collect: () => {
      this.#errorRate.set(this.#window.errorRate());
    },
  });
  readonly #openSeconds = new Histogram({
    name: 'session_open_duration_seconds',
    help: 'Time from a request to its session',
    buckets: BUCKETS,
    enableExemplars: true,
    registers: [this.registry],
  });
  readonly #providerSeconds = new Histogram({
    name: 'provider_request_duration_seconds',
    help: 'Time from a request to the provider to the end of its answer, whatever it was',
    buckets: BUCKETS,
    enableExemplars: true,
    registers: [this.registry],
  });
  readonly #auditSeconds = new Histogram({
    name: 'audit_append_duration_seconds',
    help: 'Time of a committed transaction that appended audit rows',
    buckets: BUCKETS,
    registers: [this.registry],
  });
  readonly #keyAge = new Gauge({
    name: 'vault_key_age_seconds',
    help: 'Time since the project’s key last changed in the vault',
    labelNames: ['project'],
    registers: [this.registry],
  });
  readonly #syncLag = new Gauge({
    name: 'vault_sync_lag_seconds',
    help: 'Time since this process last knew that it holds what the vault holds',
    registers: [this.registry],
  });
  readonly #limited = new Counter({
    name: 'rate_limited_total',
    help: 'Requests refused by a limit, by which one',
    labelNames: ['scope'],
    registers: [this.registry],
  });
  readonly #turn = new Counter({
    name: 'turn_requests_total',
    help: 'Requests for the relays of a project that has any, by how they ended',
    labelNames: ['project', 'outcome'],
    registers: [this.registry],
  });
  readonly #audited = new Counter({
    name: 'audit_events_total',
    help: 'Audit rows committed, by event',
    labelNames: ['event'],
    registers: [this.registry],
  });

  constructor(clock: Clock) {
    this.#window = new RequestWindow(clock);
    collectDefaultMetrics({ register: this.registry });
  }

  sessionRequest({ project, flow, outcome, seconds, traceId }: SessionRequest): void {
    const created = outcome === 'created';
    this.#window.count(!created && outcome !== 'replayed');
    if (outcome === 'replayed') return;
    this.#sessions.inc({ project, flow, outcome });
    if (!created) return;
    this.#totals.created += 1;
    this.#vaultHits.inc({ project, flow });
    this.#totals.vaultHits += 1;
    this.#openSeconds.observe(observation(seconds, traceId));
  }

  limited(scope: string): void {
    this.#limited.inc({ scope });
  }

  /** Without a project: of one that was removed meanwhile. */
  turnAnswered(project: string | undefined, outcome: 'relays' | 'secret_missing' | 'provider_failed'): void {
    this.#turn.inc({ project: project ?? '', outcome });
  }

  /** Within the span of the step that asked. */
  providerAnswered(seconds: number): void {
    const span = trace.getActiveSpan();
    this.#providerSeconds.observe(
      observation(seconds, span?.isRecording() === true ? span.spanContext().traceId : undefined),
    );
  }

  audited(events: readonly AuditEventName[], seconds: number): void {
    if (events.length > 0) this.#auditSeconds.observe(seconds);
    const counts = new Map<AuditEventName, number>();
    for (const event of events) counts.set(event, (counts.get(event) ?? 0) + 1);
    for (const [event, count] of counts) this.#audited.inc({ event }, count);
  }

  /** Undefined when the database did not answer: the figures are then the last ones known. */
  setActive(byProject: ReadonlyMap<string, number> | undefined): void {
    this.#databaseUp.set(byProject === undefined ? 0 : 1);
    if (byProject !== undefined) replace(this.#active, byProject);
  }

  setProjects({ caps, keyAges, syncLagSeconds }: ProjectFigures): void {
    replace(this.#cap, caps);
    replace(this.#keyAge, keyAges);
    this.#syncLag.set(syncLagSeconds);
  }

  /** Drops every series of a project that is configured no more. */
  async forget(project: string): Promise<void> {
    const counters: Counter[] = [this.#vaultHits, this.#sessions, this.#turn];
    for (const metric of counters) {
      const { values } = await metric.get();
      for (const { labels } of values)
        if (labels['project'] === project) metric.remove(labels as Record<string, string>);
    }
    for (const gauge of [this.#active, this.#cap, this.#keyAge]) gauge.remove({ project });
  }

  /** Totals of this process without project ids, as `GET /metrics` shows them to everybody. */
  async totals(): Promise<PublicTotals> {
    const { created, vaultHits } = this.#totals;
    const { values: active } = await this.#active.get();
    return {
      vault_hits: vaultHits,
      vault_hit_ratio: created === 0 ? 1 : vaultHits / created,
      error_rate: this.#window.errorRate(),
      sessions_total: created,
      sessions_active: active.reduce((sum, { value }) => sum + value, 0),
      latency_ms: await this.#latency(),
    };
  }

  async #latency(): Promise<PublicTotals['latency_ms']> {
    const { values } = await this.#openSeconds.get();
    const buckets = values
      .filter(({ metricName, labels }) => metricName?.endsWith('_bucket') && labels['le'] !== '+Inf')
      .map(({ labels, value }) => ({ bound: Number(labels['le']), count: value }));
    const count = values.find(({ metricName }) => metricName?.endsWith('_count'))?.value ?? 0;
    return {
      p50: quantile(buckets, count, 0.5),
      p95: quantile(buckets, count, 0.95),
      p99: quantile(buckets, count, 0.99),
    };
  }
}

function observation(
  value: number,
  traceId: string | undefined,
): { value: number; labels: Record<string, never>; exemplarLabels: Record<string, string> } {
  return { value, labels: {}, exemplarLabels: traceId === undefined ? {} : { trace_id: traceId } };
}

function replace(gauge: Gauge<'project'>, byProject: ReadonlyMap<string, number>): void {
  gauge.reset();
  for (const [project, value] of byProject) gauge.set({ project }, value);
}

/** The totals as Prometheus text. */
export function totalsText(totals: PublicTotals): string {
  const lines = [
    ['vault_hits_total', 'counter', totals.vault_hits],
    ['sessions_total', 'counter', totals.sessions_total],
    ['sessions_active', 'gauge', totals.sessions_active],
    ['error_rate', 'gauge', totals.error_rate],
  ] as const;
  return lines.map(([name, type, value]) => `# TYPE ${name} ${type}\n${name} ${value}\n`).join('');
}

export interface PublicTotals {
  vault_hits: number;
  vault_hit_ratio: number;
  error_rate: number;
  sessions_total: number;
  sessions_active: number;
  latency_ms: { p50: number; p95: number; p99: number };
}

/** Milliseconds, interpolated within the bucket as PromQL's histogram_quantile does; 0 without observations. */
function quantile(buckets: { bound: number; count: number }[], count: number, share: number): number {
  const rank = share * count;
  let lower = { bound: 0, count: 0 };
  for (const bucket of buckets) {
    if (count > 0 && bucket.count >= rank) {
      const within = bucket.count === lower.count ? 1 : (rank - lower.count) / (bucket.count - lower.count);
      return Math.round((lower.bound + within * (bucket.bound - lower.bound)) * 100_000) / 100;
    }
    lower = bucket;
  }
  return count === 0 ? 0 : lower.bound * 1000;
}
