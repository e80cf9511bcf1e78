import { setImmediate as othersTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { within } from '../common/within.ts';
import type { ClusterManifests } from '../kubernetes/cluster-manifests.ts';
import type { LeaseElection } from '../kubernetes/lease-election.ts';
import type { ConfigurationKind } from '../manifests/manifest-source.ts';
import type { Observer } from '../projects/observer.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { ActiveSessions } from '../session/active-sessions.ts';
import type { Vault } from '../vault/vault.ts';
import type { Reconciler } from './reconciler.ts';
import type { WorkQueue } from './work-queue.ts';

/** What no change tells of: how many sessions are live, what other replicas' providers said, why a key is missing. */
const TICK_MS = 5_000;
/** Then whoever else waits for this thread has a turn. */
const SCANNED_AT_ONCE = 100;
/** Writes that were begun are waited for: what follows must not wait for an API server that is away. */
const DRAIN_MS = 2_000;
const KINDS = ['Project', 'Client'] as const;

export interface OperatorParts {
  election: LeaseElection;
  manifests: ClusterManifests;
  registry: ProjectRegistry;
  vault: Vault;
  observer: Observer;
  activeSessions: ActiveSessions;
  reconciler: Reconciler;
  queue: WorkQueue;
}

/** Keeps the status of Projects and Clients true. Every replica runs one; the elected one writes. */
export class Operator {
  readonly #parts: OperatorParts;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #scanning = false;
  #ticking = false;
  /** How often this replica was elected, and after which election it has asked for what others met before. */
  #elections = 0;
  #briefedAfter: number | undefined;

  constructor(parts: OperatorParts, logger: Logger) {
    this.#parts = parts;
    this.#logger = logger;
  }

  /** Once everything was read once: as long as something was not, what is missing may be there. */
  start(): void {
    const { election, registry, vault, observer } = this.#parts;
    election.onElected(() => {
      this.#elections += 1;
      void this.#tick();
    });
    registry.onChange(() => {
      this.#scanSoon();
    });
    vault.onChange(() => {
      this.#scanSoon();
    });
    observer.onVerdict(() => {
      this.#scanSoon();
    });
    election.start();
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Finishes the writes that were begun, then lets another replica lead. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await within(DRAIN_MS, this.#parts.queue.stop());
    await this.#parts.election.stop();
  }

  async #tick(): Promise<void> {
    const { election, observer, activeSessions, reconciler } = this.#parts;
    if (this.#ticking) return;
    this.#ticking = true;
    try {
      // Every replica: one that meets a key that another saw refused takes that back.
      await observer.refresh();
      if (!election.leads) return;
      await this.#brief();
      reconciler.setActiveSessions(await activeSessions.count());
      observer.forgetRemoved();
      reconciler.forgetRemoved();
      await this.#scan();
    } catch (error) {
      this.#report(error);
    } finally {
      this.#ticking = false;
    }
  }

  /** An answer to what was asked before another election says nothing of what was met until that. */
  async #brief(): Promise<void> {
    const elections = this.#elections;
    if (this.#briefedAfter === elections) return;
    if (await this.#parts.observer.refresh(0)) this.#briefedAfter = elections;
  }

  /** Once for all changes that arrive together, and after all who listen have taken them in. */
  #scanSoon(): void {
    if (this.#scanning || !this.#parts.election.leads) return;
    this.#scanning = true;
    setImmediate(() => {
      this.#scanning = false;
      this.#scan().catch(this.#report);
    });
  }

  readonly #report = (error: unknown): void => {
    this.#logger.error({ err: error }, 'the status of resources could not be looked at');
  };

  async #scan(): Promise<void> {
    const { election, manifests, reconciler, queue } = this.#parts;
    // What is not known yet must not look like what was withdrawn.
    if (!election.leads || this.#briefedAfter !== this.#elections) return;
    const keys = KINDS.flatMap((kind) => manifests.list(kind).map(({ name }) => [kind, name] as const));
    for (const [index, [kind, name]] of keys.entries()) {
      if (reconciler.isDue(kind, name)) queue.add(`${kind}/${name}`);
      if (index % SCANNED_AT_ONCE === SCANNED_AT_ONCE - 1) await othersTurn();
    }
  }
}

/** The work of the queue: nothing, where another replica leads by now. */
export function reconcileAsLeader(
  election: Pick<LeaseElection, 'leads'>,
  reconciler: Reconciler,
): (key: string) => Promise<void> {
  return async (key) => {
    const [kind, name] = key.split('/') as [ConfigurationKind, string];
    if (election.leads) await reconciler.reconcile(kind, name);
  };
}
