import { ALERTS } from '../../../monitoring/charts.ts';
import type { PrometheusApi } from '../../../monitoring/prometheus-api.ts';
import { until } from '../../../support/until.ts';
import { PROJECT } from '../installation.ts';
import { firedWithin, firing } from './alerts.ts';
import type { Fault } from './faults/fault.ts';
import { FACTOR, PrometheusPod } from './prometheus-pod.ts';
import { Stage } from './stage.ts';
import { type Answers, sessionsOf, Traffic } from './traffic.ts';

const SETUP_MS = 300_000;
/** Of a test. */
export const PLAY_MS = 500_000;
const ORDINARY_PER_SECOND = 10;
const CALM_MS = 90_000;
const FIRES_MS = 60_000;
/** What fires in its wake has this long to show. */
const WAKE_MS = 4_000;
const OVER_MS = 90_000;
const PAUSE_MS = 500;

/** What a test looks at: callers who are served, and a Prometheus that remembers nothing of earlier tests. */
export interface Scene {
  prometheus: PrometheusApi;
  traffic: Traffic;
}

export type Look = (prometheus: PrometheusApi) => Promise<void>;
const seesNothing: Look = () => Promise.resolve();

/** A stage for the tests of a suite, and what happens on it. */
export class Play {
  #stage: Stage | undefined;
  #scenes = 0;

  /** For the suite that calls it. */
  static setUp(): Play {
    const play = new Play();
    beforeAll(async () => {
      play.#stage = await Stage.prepare();
    }, SETUP_MS);
    afterAll(() => play.#stage?.close(), SETUP_MS);
    return play;
  }

  get #ready(): Stage {
    if (this.#stage === undefined) throw new Error('the stage is not prepared');
    return this.#stage;
  }

  /** So long with nothing but ordinary callers. Every rule has to be there, and to be evaluated. */
  async quiet(milliseconds: number, look = seesNothing): Promise<{ fired: string[]; answers: Answers[] }> {
    return this.#scene(FACTOR, async ({ prometheus, traffic }) => {
      const begun = performance.now();
      await passed(milliseconds);
      const fired = await firedWithin(prometheus, secondsSince(begun));
      const rules = await prometheus.rules();
      expect(rules.map(({ name }) => name)).toEqual(expect.arrayContaining(ALERTS.map(({ alert }) => alert)));
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
      await look(prometheus);
      await traffic.stop();
      return { fired, answers: traffic.answers };
    });
  }

  /** From its beginning to its end, which comes whatever was found, and until nothing fires any more. */
  async fault(fault: Fault, look = seesNothing): Promise<void> {
    const { lingers = [] } = fault;
    const end = once(() => fault.end(this.#ready));
    try {
      await fault.prepare?.(this.#ready);
      await this.#scene(fault.factor ?? FACTOR, async ({ prometheus }) => {
        await this.#during(fault, prometheus, look);
        await end();
        const ended = performance.now();
        const isOver = async (): Promise<boolean> =>
          (await firing(prometheus)).every((alert) => lingers.includes(alert));
        await until('nothing fires any more', isOver, OVER_MS, PAUSE_MS);
        tell(`  over after ${Math.round(secondsSince(ended))} s`);
      });
    } finally {
      await end();
    }
  }

  async #during(fault: Fault, prometheus: PrometheusApi, look: Look): Promise<void> {
    const begun = performance.now();
    await fault.begin(this.#ready);
    const streams = (await fault.traffic?.(this.#ready)) ?? [];
    await using traffic = await Traffic.begin(this.#ready.installation.namespace, streams);
    const after = await untilAllFire(prometheus, fault, begun);
    const told = [...after].map(([alert, seconds]) => `${alert} ${seconds} s`).join(', ');
    tell(`${fault.what}: ${told}`);
    const fired = await firedWithin(prometheus, secondsSince(begun));
    const { mayFire = [] } = fault;
    expect(fired.filter((alert) => !mayFire.includes(alert))).toEqual([...fault.fires].sort());
    await look(prometheus);
    await traffic.stop();
    if (streams.length > 0) tell(`  was answered: ${JSON.stringify(traffic.answers)}`);
  }

  async #scene<T>(factor: number, act: (scene: Scene) => Promise<T>): Promise<T> {
    this.#scenes += 1;
    const { namespace } = this.#ready.installation;
    await using prometheus = await PrometheusPod.start(namespace, `prometheus-${this.#scenes}`, factor);
    await using traffic = await Traffic.begin(namespace, [sessionsOf(PROJECT, ORDINARY_PER_SECOND)]);
    await calm(prometheus);
    return await act({ prometheus, traffic });
  }
}

/** Callers are served, and what earlier tests left in counters is old. */
async function calm(prometheus: PrometheusApi): Promise<void> {
  const signs = [
    `sum(vestibule:sessions:rate5m{outcome="created"}) > ${ORDINARY_PER_SECOND / 2}`,
    'count(up == 1) == 2',
    'sum(operator_leader) == 1',
  ];
  const isCalm = async (): Promise<boolean> => {
    const seen = await Promise.all(signs.map((sign) => prometheus.query(sign)));
    return seen.every((samples) => samples.length > 0) && (await firing(prometheus)).length === 0;
  };
  await until('nothing is wrong', isCalm, CALM_MS, PAUSE_MS);
}

/** Says how many seconds after the fault began each fired. */
async function untilAllFire(
  prometheus: PrometheusApi,
  { fires, withinMs = FIRES_MS }: Fault,
  begun: number,
): Promise<Map<string, number>> {
  const after = new Map<string, number>();
  const note = async (): Promise<void> => {
    for (const alert of await firing(prometheus)) {
      if (!after.has(alert)) after.set(alert, Math.round(secondsSince(begun)));
    }
  };
  const doAll = async (): Promise<boolean> => {
    await note();
    return fires.every((alert) => after.has(alert));
  };
  await until(`all fire: ${fires.join(', ')}`, doAll, withinMs, PAUSE_MS).catch((error: unknown) => {
    throw new Error(`fired: ${[...after.keys()].join(', ')}`, { cause: error });
  });
  await passed(WAKE_MS);
  await note();
  return after;
}

/** What is looked for must not come in all this time. */
async function passed(milliseconds: number): Promise<void> {
  const begun = performance.now();
  const isOver = (): boolean => performance.now() - begun >= milliseconds;
  await until('the time is over', isOver, 2 * milliseconds, PAUSE_MS);
}

function once(act: () => Promise<unknown>): () => Promise<unknown> {
  let running: Promise<unknown> | undefined;
  return () => (running ??= act());
}

const secondsSince = (moment: number): number => (performance.now() - moment) / 1_000;

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
