import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { isRecord } from '../common/json.ts';
import { within } from '../common/within.ts';
import type { Cluster, KubeObject } from './cluster.ts';
import { hasStatus } from './kubernetes-error.ts';
import { microTime } from './timestamps.ts';

/** Who does not renew for this long has lost the lease; others wait for it by their own clocks. */
const DURATION_MS = 8_000;
const TICK_MS = 2_000;
/** The leader gives up this much before others may take over. */
const MARGIN_MS = 2_000;
const RELEASE_MS = 2_000;

export interface LeaseElectionOptions {
  /** Of the namespace's leases. */
  collection: string;
  name: string;
  /** Unlike that of any other replica, and of this one before a restart. */
  identity: string;
  /** How often the leader renews, and the others look. */
  tickMs?: number;
}

interface LeaseSpec {
  holderIdentity?: string;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
  leaseDurationSeconds?: number;
}

/** One of the replicas leads. Which one is said by a Lease, as kube-controller-manager and others do it. */
export class LeaseElection {
  readonly #cluster: Cluster;
  readonly #options: LeaseElectionOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #attempt: Promise<void> = Promise.resolve();
  /** By the monotonic clock, ms: until then nobody else may have taken over. */
  #leadsUntil = Number.NEGATIVE_INFINITY;
  #led = false;
  #listeners: (() => void)[] = [];
  /** The lease as last seen, and since when it has not changed, by our own clock: others' clocks may be wrong. */
  #seen: { resourceVersion: string; since: number } | undefined;

  constructor(cluster: Cluster, options: LeaseElectionOptions, clock: Clock, logger: Logger) {
    this.#cluster = cluster;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
  }

  get leads(): boolean {
    return this.#clock.monotonic() < this.#leadsUntil;
  }

  /** Calls back when this replica has begun to lead. */
  onElected(listener: () => void): void {
    this.#listeners.push(listener);
  }

  start(): void {
    this.#tick();
  }

  /** Lets go, so that another need not wait. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await within(RELEASE_MS, this.#attempt);
    if (!this.leads) return;
    this.#leadsUntil = Number.NEGATIVE_INFINITY;
    await within(
      RELEASE_MS,
      this.#release().catch(() => undefined),
    );
  }

  #tick(): void {
    this.#attempt = this.#tryOnce()
      .catch((error: unknown) => {
        this.#logger.debug({ err: error }, 'the election waits for the API server');
      })
      .then(() => {
        if (this.#stopped) return;
        this.#note();
        this.#timer = setTimeout(() => {
          this.#tick();
        }, this.#options.tickMs ?? TICK_MS);
        this.#timer.unref();
      });
  }

  /** Says so once whenever it changes. */
  #note(): void {
    const { leads } = this;
    if (leads === this.#led) return;
    this.#led = leads;
    this.#logger.info({ leads }, leads ? 'this replica writes status' : 'this replica writes status no more');
    if (leads) for (const listener of this.#listeners) listener();
  }

  async #tryOnce(): Promise<void> {
    const { collection, name, identity } = this.#options;
    const lease = await this.#cluster.find(`${collection}/${name}`);
    const startedAt = this.#clock.monotonic();
    if (lease === undefined) {
      await this.#write('POST', collection, { metadata: { name }, spec: this.#term(undefined) }, startedAt);
      return;
    }
    const spec = specOf(lease);
    if (spec.holderIdentity !== identity && !this.#isFree(lease, spec)) {
      this.#leadsUntil = Number.NEGATIVE_INFINITY;
      return;
    }
    const { resourceVersion } = lease.metadata;
    const body = { metadata: { name, resourceVersion }, spec: this.#term(spec) };
    await this.#write('PUT', `${collection}/${name}`, body, startedAt);
  }

  async #write(
    method: 'POST' | 'PUT',
    path: string,
    body: Record<string, unknown>,
    startedAt: number,
  ): Promise<void> {
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...body };
    try {
      await this.#cluster.request({ method, path, body: lease });
      // A term that ended while nobody looked, as in a process that was paused, has ended: others may have led since.
      this.#note();
      this.#leadsUntil = startedAt + DURATION_MS - MARGIN_MS;
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
      // Another was faster.
      this.#leadsUntil = Number.NEGATIVE_INFINITY;
    }
  }

  #isFree({ metadata: { resourceVersion } }: KubeObject, { holderIdentity }: LeaseSpec): boolean {
    if (!holderIdentity) return true;
    const now = this.#clock.monotonic();
    if (this.#seen?.resourceVersion !== resourceVersion) this.#seen = { resourceVersion, since: now };
    return now - this.#seen.since > DURATION_MS;
  }

  #term(before: LeaseSpec | undefined): LeaseSpec {
    const { identity } = this.#options;
    const now = microTime(this.#clock.now());
    const renewed = before?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: DURATION_MS / 1000,
      acquireTime: renewed ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (before === undefined || renewed ? 0 : 1),
    };
  }

  async #release(): Promise<void> {
    const { collection, name, identity } = this.#options;
    const lease = await this.#cluster.find(`${collection}/${name}`);
    if (lease === undefined || specOf(lease).holderIdentity !== identity) return;
    const { resourceVersion } = lease.metadata;
    const spec = { ...specOf(lease), holderIdentity: '', leaseDurationSeconds: 1 };
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, resourceVersion },
      spec,
    };
    await this.#cluster.request({ method: 'PUT', path: `${collection}/${name}`, body });
  }
}

function specOf({ spec }: KubeObject): LeaseSpec {
  return isRecord(spec) ? spec : {};
}
