import { resultOf, type Round, type Turn } from './figures.ts';

const CASE = { latencyMs: 0, connections: 16 };

function turn(figures: Partial<Turn>): Turn {
  return {
    sessionsPerSecond: 100,
    p50Ms: 10,
    p95Ms: 15,
    p99Ms: 20,
    cpuMsPerSession: 1,
    postgresMsPerSession: 1,
    residentMb: 100,
    peakMb: 100,
    sessions: 300,
    elapsedMs: 3000,
    errors: {},
    cpuMs: {},
    foreignShare: 0,
    ...figures,
  };
}

/** Latencies of the simulator, the forwarder and the service. */
function round(p50: [number, number, number], p99: [number, number, number]): Round {
  const [simulator, forwarder, service] = [0, 1, 2].map((index) =>
    turn({ p50Ms: p50[index] ?? null, p99Ms: p99[index] ?? null }),
  ) as [Turn, Turn, Turn];
  return { simulator, forwarder, service };
}

describe('resultOf', () => {
  it('compares within a round, and only then takes the median', () => {
    const rounds = [
      { forwarder: turn({ sessionsPerSecond: 1000 }), service: turn({ sessionsPerSecond: 500 }) },
      { forwarder: turn({ sessionsPerSecond: 100 }), service: turn({ sessionsPerSecond: 90 }) },
      { forwarder: turn({ sessionsPerSecond: 500 }), service: turn({ sessionsPerSecond: 400 }) },
    ];
    const { ratios, medians } = resultOf(CASE, rounds);
    expect(ratios.sessionsPerSecond).toBeCloseTo(0.8);
    expect(medians['service']?.sessionsPerSecond).toBe(400);
  });

  it('tells what the service and the forwarder add to the provider, in the middle and in the tail', () => {
    const { ratios } = resultOf({ latencyMs: 30, connections: 16 }, [round([31, 34, 37], [33, 38, 53])]);
    expect(ratios.addedP50).toEqual({ serviceMs: 6, forwarderMs: 3, ratio: 2 });
    expect(ratios.addedP99).toEqual({ serviceMs: 20, forwarderMs: 5, ratio: 4 });
  });

  it('does not know a ratio to a forwarder that added nothing', () => {
    const { ratios } = resultOf(CASE, [round([31, 34, 37], [33, 33, 53])]);
    expect(ratios.addedP50.ratio).toBe(2);
    expect(ratios.addedP99).toEqual({ serviceMs: 20, forwarderMs: 0, ratio: null });
  });

  it('compares each setting with the one it differs from', () => {
    const { comparisons } = resultOf(CASE, [
      {
        forwarder: turn({ sessionsPerSecond: 1000 }),
        service: turn({ cpuMsPerSession: 1, postgresMsPerSession: 3 }),
        'forwarder-processes': turn({ sessionsPerSecond: 1500 }),
        'service-filled': turn({ cpuMsPerSession: 2, postgresMsPerSession: 4, p99Ms: 30 }),
      },
    ]);
    expect(Object.keys(comparisons)).toEqual(['forwarder-processes', 'service-filled']);
    expect(comparisons['forwarder-processes']?.sessionsPerSecond).toBe(1.5);
    expect(comparisons['service-filled']).toEqual({ sessionsPerSecond: 1, p99: 1.5, cpu: 1.5 });
  });

  it('counts the errors of those that had any', () => {
    const { errors } = resultOf(CASE, [
      { forwarder: turn({}), service: turn({ errors: { 503: 2 } }) },
      { forwarder: turn({}), service: turn({ errors: { 503: 1, ECONNRESET: 1 } }) },
    ]);
    expect(errors).toEqual({ service: 4 });
  });
});
