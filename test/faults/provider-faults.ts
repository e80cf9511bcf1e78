import type { Fault } from '../simulator/simulator.ts';
import type { PlannedFault } from './plan.ts';

const HOUR_S = 3_600;

/** What a provider can do wrong, from slow to absurd. */
const WRONGS: readonly Fault[] = [
  { kind: 'latency', ms: 250 },
  { kind: 'latency', ms: 2_000 },
  // Past the deadline for a provider's answer.
  { kind: 'latency', ms: 11_000 },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, retryAfter: 1 },
  { kind: 'status', status: 429, retryAfter: 2 },
  { kind: 'status', status: 401 },
  { kind: 'status', status: 400 },
  { kind: 'hangup' },
  { kind: 'hangup_mid_body' },
  { kind: 'garbage' },
  { kind: 'oversized', bytes: 400_000 },
  { kind: 'redirect', location: 'http://127.0.0.1:9/' },
  { kind: 'no_value' },
  { kind: 'expires_at', value: 'soon' },
  { kind: 'expires_at', value: Math.floor(Date.now() / 1000) + 24 * HOUR_S },
  { kind: 'never' },
];

export function providerFault({ draw, amount }: PlannedFault): Fault {
  return { ...WRONGS[Math.floor(draw * WRONGS.length)]!, times: amount };
}
