import { isFingerprint } from './keys.ts';
import { ROUTES } from './routes.ts';
import type { RouteName } from './routes.ts';
import {
  anything,
  byType,
  decimal,
  integer,
  listOf,
  literal,
  matching,
  object,
  tagged,
  text,
} from './shape.ts';
import type { Fields, Problem } from './shape.ts';

interface Scope {
  /** How many requests it strikes; until cleared when absent. */
  times?: number;
  /** Strikes only the requests made with this key. */
  key_fingerprint?: string;
  /** Strikes only the requests of this kind. */
  route?: RouteName;
}

export type FaultKind =
  | { kind: 'latency'; ms: number }
  | { kind: 'status'; status: number; retryAfter?: number | string; body?: unknown }
  | { kind: 'hangup' }
  | { kind: 'hangup_mid_body' }
  | { kind: 'garbage' }
  | { kind: 'oversized'; bytes: number }
  | { kind: 'redirect'; location: string }
  | { kind: 'no_value' }
  | { kind: 'expires_at'; value: unknown }
  | { kind: 'never' };

export type Fault = FaultKind & Scope;
/** Every fault that decides the answer; latency only postpones it. */
export type Verdict = Exclude<Fault, { kind: 'latency' }>;

export interface Plan {
  delayMs: number;
  verdict: Verdict | undefined;
}

export interface Target {
  fingerprint: string | null;
  route: RouteName | undefined;
}

interface Armed {
  fault: Fault;
  left: number;
}

const ALTERS_A_MINT = new Set<Fault['kind']>(['no_value', 'expires_at']);
const UNTOUCHED: Plan = Object.freeze({ delayMs: 0, verdict: undefined });

/** Faults in force, in the order they were given. */
export class Faults {
  #armed: Armed[] = [];

  add(faults: readonly Fault[]): void {
    const armed = faults.map((fault) => ({ fault, left: fault.times ?? Infinity }));
    this.#armed.push(...armed);
  }

  clear(): void {
    this.#armed = [];
  }

  /** Uses up the delays that lie before the first fault that decides the answer, and that fault. */
  take(target: Target): Plan {
    if (this.#armed.length === 0) return UNTOUCHED;
    const plan: Plan = { delayMs: 0, verdict: undefined };
    for (const armed of this.#armed) {
      if (!strikes(armed.fault, target)) continue;
      armed.left -= 1;
      if (armed.fault.kind !== 'latency') {
        plan.verdict = armed.fault;
        break;
      }
      plan.delayMs += armed.fault.ms;
    }
    this.#armed = this.#armed.filter(({ left }) => left > 0);
    return plan;
  }
}

function strikes(fault: Fault, target: Target): boolean {
  if (ALTERS_A_MINT.has(fault.kind) && target.route !== 'client_secrets') return false;
  if (fault.route !== undefined && fault.route !== target.route) return false;
  return fault.key_fingerprint === undefined || fault.key_fingerprint === target.fingerprint;
}

const scope: Fields = {
  kind: text,
  times: integer(1, 1_000_000_000),
  key_fingerprint: fingerprint,
  route: literal(...ROUTES),
};

function fingerprint(value: unknown, path: string): Problem | undefined {
  return isFingerprint(value)
    ? undefined
    : { code: 'invalid_value', param: path, message: `Invalid '${path}': expected sha256:<16 hex digits>.` };
}

const fault = tagged('kind', {
  latency: object({ ...scope, ms: decimal(0, 3_600_000) }, 'ms'),
  status: object(
    {
      ...scope,
      status: integer(200, 599),
      retryAfter: byType({ number: decimal(0, 1_000_000), string: matching(/^[\x20-\x7e]*$/) }),
      body: anything,
    },
    'status',
  ),
  hangup: object(scope),
  hangup_mid_body: object(scope),
  garbage: object(scope),
  oversized: object({ ...scope, bytes: integer(1, 1_073_741_824) }, 'bytes'),
  redirect: object({ ...scope, location: matching(/^[\x21-\x7e]+$/) }, 'location'),
  no_value: object(scope),
  expires_at: object({ ...scope, value: anything }, 'value'),
  never: object(scope),
});

const faultList = listOf(fault);

export function areFaults(value: unknown): value is Fault[] {
  return faultProblem(value) === undefined;
}

export function faultProblem(value: unknown): Problem | undefined {
  return faultList(value, 'faults');
}
