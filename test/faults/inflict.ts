import { setTimeout as delay } from 'node:timers/promises';
import type { FaultKind } from './fault-kinds.ts';
import type { Load } from './load.ts';
import type { PlannedFault } from './plan.ts';
import type { Provider } from './provider.ts';
import { providerFault } from './provider-faults.ts';
import type { Random } from './random.ts';
import type { Replica } from './replica.ts';
import type { TcpProxy, Trouble } from '../support/tcp-proxy.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { crossSlots, holdSlots, killBackend, terminateBackends } from './backends.ts';
import type { RigPostgres } from './database.ts';

export interface Victims {
  replicas: Replica[];
  provider: Provider;
  postgres: RigPostgres;
  database: TestDatabase;
  load: Load;
  random: Random;
}

/** What undoes a fault; undefined for one that is over at once. */
type Undo = (() => void | Promise<void>) | undefined;
/** False: there was nothing to strike. */
type Inflict = (fault: PlannedFault, victims: Victims) => Undo | false | Promise<Undo | false>;

const replicaOf = ({ target }: PlannedFault, { replicas }: Victims): Replica => replicas[target]!;

function imposed(
  proxyOf: (replica: Replica) => TcpProxy,
  troubleOf: (fault: PlannedFault) => Trouble,
): Inflict {
  return (fault, victims) => proxyOf(replicaOf(fault, victims)).impose(troubleOf(fault));
}
const onDatabase = (troubleOf: (fault: PlannedFault) => Trouble): Inflict =>
  imposed(({ database }) => database, troubleOf);
const onClients = (troubleOf: (fault: PlannedFault) => Trouble): Inflict =>
  imposed(({ clients }) => clients, troubleOf);
const onProvider =
  (troubleOf: (fault: PlannedFault) => Trouble): Inflict =>
  (fault, { provider }) =>
    provider.proxy.impose(troubleOf(fault));

function reset(proxy: TcpProxy): Undo | false {
  if (proxy.connections === 0) return false;
  proxy.reset();
  return undefined;
}

const latency = ({ amount: ms }: PlannedFault): Trouble => ({ kind: 'latency', ms });
const cut = ({ amount: bytes }: PlannedFault): Trouble => ({ kind: 'cut', bytes });
const silence = (): Trouble => ({ kind: 'silence' });
const deaf = (): Trouble => ({ kind: 'deaf' });
const refuse = (): Trouble => ({ kind: 'refuse' });

/** SQLSTATE of who was chosen to be thrown out of a deadlock: it was one. */
const DEADLOCK = '40P01';

function thrownOut(error: unknown): undefined {
  if ((error as { code?: string }).code !== DEADLOCK) throw error;
}

const HOW: Record<FaultKind, Inflict> = {
  'service-kill': (fault, victims) => (replicaOf(fault, victims).kill() ? undefined : false),
  'service-stop': (fault, victims) => replicaOf(fault, victims).freeze(),
  'service-stop-past-lease': (fault, victims) => replicaOf(fault, victims).freeze(),

  'postgres-kill': async (_, { postgres }) => {
    if (!postgres.server.running) return false;
    await postgres.server.kill();
    return () => postgres.server.start();
  },
  'postgres-backend-kill': ({ draw }, { postgres, database }) => killBackend(postgres, database, draw),
  'postgres-stop': async (_, { postgres }) => {
    await postgres.server.pause().catch(() => undefined);
    return () => {
      postgres.server.resume();
    };
  },
  'postgres-terminate': ({ amount }, { postgres, database }) => terminateBackends(postgres, database, amount),
  'postgres-lock': ({ amount }, { database }) => holdSlots(database, amount),
  'postgres-deadlock': ({ amount }, { database }) => crossSlots(database, amount).catch(thrownOut),
  'disk-full': async (_, { postgres }) => {
    await postgres.disk?.fill();
    return () => postgres.heal();
  },

  'simulator-kill': (_, { provider }) => {
    provider.kill();
    return () => provider.launch();
  },
  'simulator-stop': (_, { provider }) => provider.freeze(),
  'provider-answers': async (fault, { provider }) => {
    if (!(await provider.arm([providerFault(fault)]))) return false;
    return async () => {
      await provider.arm([]);
    };
  },

  'database-latency': onDatabase(latency),
  'database-reset': (fault, victims) => reset(replicaOf(fault, victims).database),
  'database-cut': onDatabase(cut),
  'database-silence': onDatabase(silence),
  'database-deaf': onDatabase(deaf),
  'database-forget': (fault, victims) => {
    replicaOf(fault, victims).database.forget();
    return undefined;
  },
  'database-refuse': onDatabase(refuse),

  'provider-latency': onProvider(latency),
  'provider-reset': (_, { provider }) => reset(provider.proxy),
  'provider-cut': onProvider(cut),
  'provider-deaf': onProvider(deaf),
  'provider-refuse': onProvider(refuse),

  'client-latency': onClients(latency),
  'client-reset': (fault, victims) => reset(replicaOf(fault, victims).clients),
  'client-cut': onClients(cut),
  'client-silence': onClients(silence),
  'client-refuse': onClients(refuse),
  'client-hangup': ({ number, amount, target }, { load, random, replicas }) => {
    load.hangUp(replicas[target]!, random.fork(`hangup-${number}`), amount);
    return undefined;
  },
};

export interface Inflicted extends PlannedFault {
  /** Unix milliseconds. */
  began: number;
  /** Why it struck nothing. */
  missed?: string;
}

/** Inflicts faults, and knows which of them last. */
export class Inflictor {
  readonly history: Inflicted[] = [];
  readonly #victims: Victims;
  readonly #lasting = new Set<() => Promise<void>>();
  readonly #pending = new Set<Promise<void>>();

  constructor(victims: Victims) {
    this.#victims = victims;
  }

  /** One after the other in time, without waiting for those that last, until as many as wanted have struck. */
  async run(plan: readonly PlannedFault[], wanted: number, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    for (const fault of plan) {
      if (this.#struck() >= wanted) {
        // Some may turn out to have found nothing.
        await Promise.all(this.#pending);
        if (this.#struck() >= wanted) break;
      }
      const wait = began + fault.at - performance.now();
      if (wait > 0) await delay(wait, undefined, { signal });
      signal.throwIfAborted();
      const one = this.#inflict(fault).finally(() => this.#pending.delete(one));
      this.#pending.add(one);
    }
    await Promise.all(this.#pending);
  }

  /** Undoes all that still lasts. */
  async lift(): Promise<void> {
    await Promise.all(this.#pending);
    for (const undo of this.#lasting) await undo();
  }

  #struck(): number {
    return this.history.filter(({ missed }) => missed === undefined).length;
  }

  async #inflict(fault: PlannedFault): Promise<void> {
    const entry: Inflicted = { ...fault, began: Date.now() };
    this.history.push(entry);
    try {
      const undo = await HOW[fault.kind](fault, this.#victims);
      if (undo === false) entry.missed = 'there was nothing to strike';
      else if (undo !== undefined) this.#last(fault.forMs, undo);
    } catch (error) {
      entry.missed = error instanceof Error ? error.message : String(error);
    }
  }

  #last(forMs: number, undo: () => void | Promise<void>): void {
    const once = async (): Promise<void> => {
      clearTimeout(timer);
      if (this.#lasting.delete(once)) await Promise.resolve(undo()).catch(() => undefined);
    };
    const timer = setTimeout(() => void once(), forMs);
    this.#lasting.add(once);
  }
}
