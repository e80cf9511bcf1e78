import ipaddr from 'ipaddr.js';
import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { limitedAddress } from '../http/address.ts';
import { auditEntry } from './audit-entry.ts';
import type { AuditLog } from './audit-log.ts';

const MINUTE_MS = 60_000;
const TICK_MS = 1_000;
const MAX_ROWS_A_TICK = 10;
const MAX_SOURCES = 5_000;
/** Sources beyond MAX_SOURCES in one minute share this one. */
const OTHER_SOURCES = 'other';

interface Sample {
  event: 'auth_rejected' | 'admin_rejected';
  source: string;
  reason: string;
  minute: number;
  count: number;
}

/**
 * Records refusals without letting anybody fill the table or wait on it: one row a source network, reason and
 * minute, written after the minute, at most ten a second.
 */
export class RejectionSampler {
  readonly #auditLog: AuditLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #samples = new Map<string, Sample>();
  #timer: NodeJS.Timeout | undefined;

  constructor(auditLog: AuditLog, clock: Clock, logger: Logger) {
    this.#auditLog = auditLog;
    this.#clock = clock;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = setInterval(() => {
      void this.#write((sample) => sample.minute < this.#minute());
    }, TICK_MS);
    this.#timer.unref();
  }

  /** Writes what is still counted, also of the minute that runs, as far as one tick's rows go. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#write(() => true);
  }

  count(event: Sample['event'], address: string, reason: string): void {
    const minute = this.#minute();
    const source = networkOf(address);
    const key = `${minute} ${event} ${reason} ${source}`;
    const known = this.#samples.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#samples.size < MAX_SOURCES)
      this.#samples.set(key, { event, source, reason, minute, count: 1 });
    else this.#countOther({ event, source: OTHER_SOURCES, reason, minute, count: 1 });
  }

  #countOther(sample: Sample): void {
    const key = `${sample.minute} ${sample.event} ${sample.reason} ${OTHER_SOURCES}`;
    const known = this.#samples.get(key);
    if (known === undefined) this.#samples.set(key, sample);
    else known.count += 1;
  }

  #minute(): number {
    return Math.floor(this.#clock.now() / MINUTE_MS);
  }

  async #write(due: (sample: Sample) => boolean): Promise<void> {
    const samples = [...this.#samples].filter(([, sample]) => due(sample)).slice(0, MAX_ROWS_A_TICK);
    for (const [key] of samples) this.#samples.delete(key);
    await Promise.all(
      samples.map(async ([key, sample]) => {
        const { event, source, reason, count } = sample;
        const origin = {
          actor: null,
          actorKind: 'anonymous',
          ip: source,
          requestId: null,
          traceId: null,
        } as const;
        try {
          await this.#auditLog.append(auditEntry(event, origin, { reason, count }, { outcome: 'failure' }));
        } catch (error) {
          // Kept for a later tick; the map's bound holds all the same.
          if (this.#samples.size < MAX_SOURCES) this.#samples.set(key, sample);
          this.#logger.debug({ err: error }, 'rejections could not be recorded yet');
        }
      }),
    );
  }
}

/** The /24 of an IPv4 address, the /64 of an IPv6 one. */
function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return OTHER_SOURCES;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6
    ? limitedAddress(parsed.toString())
    : `${ipaddr.IPv4.networkAddressFromCIDR(`${parsed.toString()}/24`).toString()}/24`;
}
