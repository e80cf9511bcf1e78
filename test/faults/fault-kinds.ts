/** A range to draw from; short and small ones come up more often than long and large ones. */
type Range = readonly [least: number, most: number];

interface KindOfFault {
  /** Of a thousand faults, how many are of this kind. */
  share: number;
  /** How long it lasts, ms; absent for what strikes once. */
  forMs?: Range;
  /** What it means depends on the kind. */
  amount?: Range;
}

/** Longer than the lease of an opening, so that its answer comes too late. */
const PAST_A_LEASE: Range = [15_500, 18_000];
/** Longer than PostgreSQL's own limit on a statement, and than the client's patience, now and then. */
const PAST_A_STATEMENT: Range = [100, 7_000];

export const KINDS = {
  /** kill -9 of a service process, whatever it is doing; another is started in its place. */
  'service-kill': { share: 80 },
  'service-stop': { share: 36, forMs: [50, 3_000] },
  'service-stop-past-lease': { share: 3, forMs: PAST_A_LEASE },

  /** kill -9 of the postmaster; it recovers from its log. */
  'postgres-kill': { share: 5, forMs: [0, 2_000] },
  /** kill -9 of one backend, after which PostgreSQL throws all others out and recovers. */
  'postgres-backend-kill': { share: 6 },
  'postgres-stop': { share: 8, forMs: PAST_A_STATEMENT },
  /** Ends backends in the middle of what they do; amount: per cent of them. */
  'postgres-terminate': { share: 45, amount: [10, 100] },
  /** Somebody else holds the rows that are a project's lock; amount: how many projects. */
  'postgres-lock': { share: 18, forMs: PAST_A_STATEMENT, amount: [1, 6] },
  /** Somebody takes those rows in the opposite order; amount: how many. */
  'postgres-deadlock': { share: 15, forMs: [0, 1_500], amount: [3, 20] },
  'disk-full': { share: 7, forMs: [200, 3_000] },

  'simulator-kill': { share: 10, forMs: [0, 500] },
  'simulator-stop': { share: 18, forMs: [50, 3_000] },
  /** The provider's own faults; amount: how many requests they strike. */
  'provider-answers': { share: 110, forMs: [300, 3_000], amount: [1, 12] },

  'database-latency': { share: 55, forMs: [200, 3_000], amount: [2, 300] },
  'database-reset': { share: 60 },
  'database-cut': { share: 70, forMs: [50, 1_000], amount: [0, 400] },
  'database-silence': { share: 30, forMs: PAST_A_STATEMENT },
  'database-deaf': { share: 30, forMs: PAST_A_STATEMENT },
  'database-forget': { share: 12 },
  'database-refuse': { share: 30, forMs: [100, 2_500] },

  'provider-latency': { share: 35, forMs: [200, 3_000], amount: [2, 800] },
  'provider-reset': { share: 40 },
  'provider-cut': { share: 30, forMs: [50, 800], amount: [0, 900] },
  'provider-deaf': { share: 15, forMs: [100, 4_000] },
  'provider-refuse': { share: 20, forMs: [100, 1_500] },

  'client-latency': { share: 35, forMs: [200, 3_000], amount: [2, 300] },
  'client-reset': { share: 45 },
  'client-cut': { share: 40, forMs: [50, 1_000], amount: [0, 900] },
  'client-silence': { share: 20, forMs: [100, 4_000] },
  'client-refuse': { share: 12, forMs: [100, 1_500] },
  /** A client that goes away this many ms after it asked. */
  'client-hangup': { share: 60, amount: [0, 120] },
} as const satisfies Record<string, KindOfFault>;

export type FaultKind = keyof typeof KINDS;

export const kindOf = (kind: FaultKind): KindOfFault => KINDS[kind];
