import type { Clock } from '../common/clock.ts';
import { Batcher } from '../common/batcher.ts';
import type { Database } from '../database/database.ts';
import type { AuditEntry, AuditEventName } from './audit-event.ts';
import type { Chains } from './chains.ts';
import type { AuditSink } from './sinks/audit-sink.ts';

const APPEND = { name: 'audit_append_echo', text: 'SELECT audit_append($1, $2, $3) AS lines' };
const MAX_BATCH = 200;
const MAX_UNANSWERED = 2_000;

/** Told of what a transaction committed, and in how many seconds. */
export type Appended = (events: AuditEventName[], seconds: number) => void;

/** Appends events that stand alone. Those that record a session's step travel in that step's own transaction. */
export class AuditLog {
  readonly #batcher: Batcher<AuditEntry, undefined>;

  constructor(
    database: Database,
    { chains, sink }: { chains: Chains; sink: AuditSink },
    clock: Clock,
    onAppended: Appended,
  ) {
    const chain = chains.open();
    this.#batcher = new Batcher(
      async (entries) => {
        sink.assertUsable();
        const started = clock.monotonic();
        const values = [chain, JSON.stringify(entries), sink.enabled];
        const [row] = await database.query<{ lines: string[] }>(APPEND, values);
        onAppended(
          entries.map(({ event }) => event),
          (clock.monotonic() - started) / 1000,
        );
        await sink.write(row?.lines ?? []);
        return entries.map(() => undefined);
      },
      { maxBatch: MAX_BATCH, maxUnanswered: MAX_UNANSWERED },
    );
  }

  /** Resolves once the event is durable; rejects with a 503, and then what it records must not happen. */
  async append(entry: AuditEntry): Promise<void> {
    await this.#batcher.submit(entry);
  }

  /** Has an effect only after it is recorded; one that then fails is recorded, too, by a second row. */
  async recorded<T>(entry: AuditEntry, effect: () => Promise<T>): Promise<T> {
    await this.append(entry);
    try {
      return await effect();
    } catch (error) {
      await this.append({ ...entry, outcome: 'failure' }).catch(() => undefined);
      throw error;
    }
  }
}
