import type { Reservation, ReservationAnswer, Window } from './session-store.ts';

/** What `open_sessions` answers for a batch of reservations. */
export interface ReservedBatch {
  /** The database's clock. All were reserved, and what they share was so before. */
  reserved_at?: number;
  /** By project. */
  taken?: number[];
  /** By window: requests counted, and when it is over, in unix seconds. */
  windows?: [number, number][];
  /** The batch did not fit as a whole: how many sessions' leases had lapsed, and the verdict on each request. */
  expired?: number;
  answers?: WalkedAnswer[];
}

interface WalkedAnswer {
  verdict: string;
  active_sessions: number;
  window_limit: number | null;
  window_remaining: number | null;
  window_reset_at: number | null;
  retry_at: number | null;
  /** Hex. */
  sealed_answer: string | null;
  reserved_at: number;
}

interface Shared {
  projects: Map<string, { hash: string; n: number; by_vault: number; cap: number; vault_cap: number }>;
  windows: Map<string, Window & { n: number }>;
  quotas: Map<string, { subject: string; max: number; n: number }>;
  keys: Set<string>;
}

/** What the requests of a batch take together, for `open_sessions`; null where they cannot be added up. */
export function sharedOf(items: Reservation[]): { projects: string; shared: string | null } {
  const shared: Shared = { projects: new Map(), windows: new Map(), quotas: new Map(), keys: new Set() };
  let alike = true;
  for (const item of items) alike = add(shared, item) && alike;
  const projects = [...shared.projects.values()];
  return {
    projects: `{${projects.map(({ hash }) => hash).join(',')}}`,
    shared: alike
      ? JSON.stringify({
          projects,
          windows: [...shared.windows.values()],
          ...(shared.quotas.size > 0 && { quotas: [...shared.quotas.values()] }),
        })
      : null,
  };
}

/** False when only a walk can tell: who has a cap of its own, or follows another with its Idempotency-Key or window. */
function add(shared: Shared, item: Reservation): boolean {
  const alike = [
    addProject(shared, item),
    ...item.windows.map((window) => addWindow(shared, window)),
    addQuota(shared, item),
    addKey(shared, item),
  ];
  return alike.every(Boolean);
}

function addProject({ projects }: Shared, item: Reservation): boolean {
  const { project_hash: hash, cap, vault_cap, client_cap, flow } = item;
  const project = projects.get(hash) ?? { hash, n: 0, by_vault: 0, cap, vault_cap };
  projects.set(hash, project);
  project.n += 1;
  if (flow === 'vault') project.by_vault += 1;
  return client_cap >= cap && project.cap === cap && project.vault_cap === vault_cap;
}

function addWindow({ windows }: Shared, one: Window): boolean {
  const window = windows.get(windowKey(one)) ?? { ...one, n: 0 };
  windows.set(windowKey(one), window);
  window.n += 1;
  return window.requests === one.requests && window.seconds === one.seconds;
}

function addQuota({ quotas }: Shared, { quota }: Reservation): boolean {
  if (quota === undefined) return true;
  const known = quotas.get(quota.subject) ?? { subject: quota.subject, max: quota.limit, n: 0 };
  quotas.set(quota.subject, known);
  known.n += 1;
  return known.max === quota.limit;
}

function addKey({ keys }: Shared, { idempotency }: Reservation): boolean {
  if (idempotency === undefined) return true;
  const { size } = keys;
  return keys.add(idempotency.key_hash).size > size;
}

/** The answer to each request, in the order of the requests. */
export function toAnswers(items: Reservation[], batch: ReservedBatch): ReservationAnswer[] {
  if (batch.answers !== undefined) return batch.answers.map(toAnswer);
  const taken = new Map<string, number>();
  const counted = new Map<string, { used: number; resetAt: number }>();
  return items.map((item) => {
    const { project_hash: hash } = item;
    if (!taken.has(hash)) taken.set(hash, batch.taken?.[taken.size] ?? 0);
    const activeSessions = (taken.get(hash) ?? 0) + 1;
    taken.set(hash, activeSessions);
    let limit: ReservationAnswer['limit'];
    for (const window of item.windows) {
      const key = windowKey(window);
      let state = counted.get(key);
      if (state === undefined) {
        const [used, resetAt] = batch.windows?.[counted.size] ?? [0, 0];
        state = { used, resetAt: Math.ceil(resetAt) };
        counted.set(key, state);
      }
      state.used += 1;
      limit = { limit: window.requests, remaining: window.requests - state.used, resetAt: state.resetAt };
    }
    return {
      verdict: 'reserved',
      scope: undefined,
      activeSessions,
      limit,
      retryAt: undefined,
      sealedAnswer: undefined,
      reservedAt: batch.reserved_at ?? 0,
    };
  });
}

function windowKey({ scope, subject }: Window): string {
  return `${scope} ${subject}`;
}

function toAnswer(answer: WalkedAnswer): ReservationAnswer {
  const [verdict, scope] = answer.verdict.split(':') as [
    ReservationAnswer['verdict'],
    Window['scope'] | undefined,
  ];
  const { window_limit: limit, window_remaining: remaining, window_reset_at: resetAt } = answer;
  return {
    verdict,
    scope,
    activeSessions: answer.active_sessions,
    limit:
      limit === null || remaining === null || resetAt === null
        ? undefined
        : { limit, remaining, resetAt: Math.ceil(resetAt) },
    retryAt: answer.retry_at ?? undefined,
    sealedAnswer: answer.sealed_answer === null ? undefined : Buffer.from(answer.sealed_answer, 'hex'),
    reservedAt: answer.reserved_at,
  };
}
