import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import { CORE_API, pathOf } from '../kubernetes/resource-paths.ts';
import { secondsTime } from '../kubernetes/timestamps.ts';
import { API_VERSIONS } from '../manifests/manifest.ts';
import type { ConfigurationKind } from '../manifests/manifest-source.ts';
import type { Condition } from '../projects/resource-status.ts';

/** The API server refuses longer ones. */
const MAX_MESSAGE = 1_024;
const COMPONENT = 'vestibule';

export interface Involved {
  kind: ConfigurationKind;
  name: string;
  uid: string;
  resourceVersion: string;
}

/** Tells people who `kubectl describe` a resource what became of it. Nothing depends on it: what cannot be written is dropped. */
export class EventWriter {
  readonly #cluster: Cluster;
  readonly #about: { namespace: string; identity: string };
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(
    cluster: Cluster,
    about: { namespace: string; identity: string },
    clock: Clock,
    logger: Logger,
  ) {
    this.#cluster = cluster;
    this.#about = about;
    this.#clock = clock;
    this.#logger = logger;
  }

  async write(involved: Involved, { type, status, reason, message }: Condition): Promise<void> {
    const { namespace, identity } = this.#about;
    const { kind, name, uid, resourceVersion } = involved;
    const now = secondsTime(this.#clock.now());
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200)}.${randomBytes(8).toString('hex')}`, namespace },
      involvedObject: { apiVersion: API_VERSIONS[kind], kind, name, namespace, uid, resourceVersion },
      // A condition that holds for another reason than its own holds with a reservation.
      type: status === 'True' && reason === type ? 'Normal' : 'Warning',
      reason,
      message: `${type} is ${status}: ${message}`.slice(0, MAX_MESSAGE),
      source: { component: COMPONENT },
      reportingComponent: COMPONENT,
      reportingInstance: identity.slice(0, 128),
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
    try {
      await this.#cluster.request({
        method: 'POST',
        path: pathOf(CORE_API, namespace, 'events'),
        body: event,
      });
    } catch (error) {
      this.#logger.debug({ err: error }, 'an Event could not be written');
    }
  }
}
