import type { AuditEventName } from '../../src/audit/audit-event.ts';
import { seriesOf } from './metrics-text.ts';

export type Flow = 'vault' | 'commercial' | '';

/** What one act of the script adds to the figures. */
export interface Effects {
  /** A request to a route that opens sessions: its project, flow and outcome. */
  session?: [string, Flow, string];
  limited?: string;
  /** A project whose relays were asked for, and how that ended. */
  turn?: [string, string];
  /** Requests to the provider. */
  provider?: number;
  audit?: AuditEventName[];
  /** Sessions that the project then has more, or fewer. */
  live?: [string, 1 | -1];
  /** An event of `auth_rejected` or `admin_rejected`, which is written after its minute. */
  rejected?: 'auth_rejected' | 'admin_rejected';
}

export const NOTHING: Effects = {};
export const created = (project: string, flow: Flow): Effects => ({
  session: [project, flow, 'created'],
  provider: 1,
  audit: ['vault_key_loaded', 'session_created'],
  live: [project, 1],
});
export const replayed = (project: string, flow: Flow): Effects => ({ session: [project, flow, 'replayed'] });
export const refused = (code: string, project = '', flow: Flow = ''): Effects => ({
  session: [project, flow, code],
});
export const limited = (scope: string, code: string, project: string, flow: Flow = 'vault'): Effects => ({
  ...refused(code, project, flow),
  limited: scope,
});
export const unauthorized: Effects = { ...refused('unauthorized'), rejected: 'auth_rejected' };
export const failedAt = (project: string, code: string, flow: Flow): Effects => ({
  ...refused(code, project, flow),
  provider: 1,
  audit: ['vault_key_loaded', 'session_error'],
});
export const ended = (event: AuditEventName, project: string): Effects => ({
  audit: [event],
  live: [project, -1],
});

/** What the script did, in the words of the metrics. */
export class Ledger {
  /** By series; histograms by their count. */
  readonly figures: Record<string, number> = {
    session_open_duration_seconds_count: 0,
    provider_request_duration_seconds_count: 0,
  };
  readonly live: Record<string, number> = {};
  readonly rejected = { auth_rejected: 0, admin_rejected: 0 };
  requests = 0;
  failures = 0;

  add(effects: Effects): void {
    const { session, limited: scope, turn, provider = 0, audit = [], live, rejected } = effects;
    if (session !== undefined) this.#addRequest(...session);
    if (scope !== undefined) this.#count(seriesOf({ name: 'rate_limited_total', labels: { scope } }));
    if (turn !== undefined) {
      const [project, outcome] = turn;
      this.#count(seriesOf({ name: 'turn_requests_total', labels: { project, outcome } }));
    }
    this.#count('provider_request_duration_seconds_count', provider);
    for (const event of audit) this.#count(seriesOf({ name: 'audit_events_total', labels: { event } }));
    if (live !== undefined) this.live[live[0]] = (this.live[live[0]] ?? 0) + live[1];
    if (rejected !== undefined) this.rejected[rejected] += 1;
  }

  #addRequest(project: string, flow: Flow, outcome: string): void {
    this.requests += 1;
    if (outcome === 'replayed') return;
    this.#count(seriesOf({ name: 'sessions_total', labels: { project, flow, outcome } }));
    if (outcome === 'created') {
      this.#count(seriesOf({ name: 'vault_hits_total', labels: { project, flow } }));
      this.#count('session_open_duration_seconds_count');
    } else this.failures += 1;
  }

  #count(series: string, times = 1): void {
    this.figures[series] = (this.figures[series] ?? 0) + times;
  }
}
