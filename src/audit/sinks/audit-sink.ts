/** A second place for audit rows, beside the database. A class, so that it is also the name under which it is injected. */
export abstract class AuditSink {
  /** Whether rows are wanted at all: appending functions return them only then. */
  abstract readonly enabled: boolean;

  /**
   * Takes committed rows, as lines. Where the sink is required it resolves once they are durable, and rejects with a
   * 503 within 5 s: then what they record must not go on. Where it is not, it resolves at once.
   */
  abstract write(lines: readonly string[]): Promise<void>;

  /** Throws that 503 when it is known beforehand, so that nothing is committed which then must not go on. */
  abstract assertUsable(): void;

  /** Why this process must not get traffic; undefined when it may. */
  abstract problem(): string | undefined;

  abstract start(): void;

  /** Writes what waits, as far as it can in a few seconds. */
  abstract stop(): Promise<void>;

  /** Whether a call to the system does not return, which then keeps the process from ending by itself. */
  abstract hangs(): boolean;
}

/** No second place is configured. */
export class NoSink extends AuditSink {
  readonly enabled = false;

  override write(): Promise<void> {
    return Promise.resolve();
  }

  override assertUsable(): void {
    return;
  }

  override problem(): undefined {
    return undefined;
  }

  override start(): void {
    return;
  }

  override stop(): Promise<void> {
    return Promise.resolve();
  }

  override hangs(): boolean {
    return false;
  }
}
