import { PROJECT } from '../../installation.ts';
import type { Fault } from './fault.ts';

const SLOW_MS = 3_500;

export const PROVIDER_FAULTS: readonly Fault[] = [
  {
    what: 'the provider answers 500',
    begin: (stage) => stage.simulator('POST', 'faults', [{ kind: 'status', status: 500 }]),
    end: (stage) => stage.simulator('DELETE', 'faults'),
    fires: [
      'AvailabilityBurnsFast',
      'AvailabilityBurnsSlow',
      `ErrorRate ${PROJECT}`,
      `ProviderFails ${PROJECT}`,
    ],
    lingers: ['AvailabilityBurnsSlow'],
    withinMs: 120_000,
  },
  {
    what: 'the provider takes 3.5 s',
    begin: (stage) => stage.simulator('POST', 'faults', [{ kind: 'latency', ms: SLOW_MS }]),
    end: (stage) => stage.simulator('DELETE', 'faults'),
    fires: ['LatencyBurnsFast', 'LatencyBurnsSlow', 'Slow'],
    lingers: ['LatencyBurnsSlow'],
    withinMs: 120_000,
  },
];
