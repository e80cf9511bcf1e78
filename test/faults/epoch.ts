import { until } from '../support/until.ts';
import { outcomeOf, unexpectedAnswers } from './checks/answers.ts';
import { endsNotKept, replaysThatDiffer, sessionsWithoutRow } from './checks/acknowledged.ts';
import { heldByClients, heldByDatabase, needlessRefusals, overAdmissions } from './checks/admissions.ts';
import type { AuditFact, OpeningFact, SessionFact, UseFact, Violation } from './checks/facts.ts';
import { usesWithoutRecord } from './checks/key-uses.ts';
import { type Burst, slotsStillTaken, wrongBursts } from './checks/slots.ts';
import type { Opened } from './client.ts';
import { auditSince, databaseNow, liveSessions, sessionsSince, slotCounts } from './collect.ts';
import type { RigPostgres } from './database.ts';
import { type Inflicted, Inflictor } from './inflict.ts';
import type { Ledger } from './ledger.ts';
import { Load } from './load.ts';
import type { PlannedFault } from './plan.ts';
import { LONGEST_LEASE_S, type RigProject } from './projects.ts';
import type { Provider } from './provider.ts';
import type { Random } from './random.ts';
import type { Replica } from './replica.ts';
import type { Run } from './run.ts';

/** From the end of all faults on, within which a replica that runs answers again. */
const RECOVERY_MS = 15_000;
/** And one that was killed just before is there again. */
const RESTART_MS = 45_000;
/** Beyond a lease: what the sweeper and a busy machine take. */
const SWEEP_MS = 5_000;
/** Of who asks while nothing is broken. */
const PATIENCE_MS = 10_000;
const BURST_BEYOND = 3;
const BURSTS_AT_ONCE = 5;

export interface EpochOptions {
  number: number;
  /** More than are wanted: some may find nothing to strike. */
  plan: PlannedFault[];
  wanted: number;
  clients: number;
  random: Random;
  signal: AbortSignal;
}

export interface Scene {
  run: Run;
  provider: Provider;
  postgres: RigPostgres;
  ledger: Ledger;
}

/** All that the checks looked at. */
export interface Evidence {
  faults: readonly Inflicted[];
  openings: readonly OpeningFact[];
  sessions: readonly SessionFact[];
  audit: readonly AuditFact[];
  uses: readonly UseFact[];
}

export interface EpochResult {
  evidence: Evidence;
  violations: Violation[];
  recoveryMs: number;
  lapseMs: number;
}

/** Faults under load, then quiet, then everything is checked. */
export class Epoch {
  readonly #scene: Scene;
  readonly #options: EpochOptions;
  readonly #violations: Violation[] = [];
  #inflictor: Inflictor | undefined;

  constructor(scene: Scene, options: EpochOptions) {
    this.#scene = scene;
    this.#options = options;
  }

  get inflicted(): readonly Inflicted[] {
    return this.#inflictor?.history ?? [];
  }

  async run(): Promise<EpochResult> {
    const { run, provider, postgres } = this.#scene;
    const { random, clients, number, plan, wanted, signal } = this.#options;
    const { database, replicas, projects, tokens, client } = run;
    const since = await databaseNow(database);
    const load = new Load({
      client,
      projects,
      targets: replicas,
      tokens,
      clients,
      random: random.fork('load'),
      tagPrefix: `e${number}`,
    });
    this.#inflictor = new Inflictor({ replicas, provider, postgres, database, load, random });
    let recoveryMs: number;
    try {
      await this.#inflictor.run(plan, wanted, signal);
      await this.#heal(this.#inflictor);
      recoveryMs = await this.#recover();
    } finally {
      const stopped = load.stop();
      if (!signal.aborted) await stopped;
    }
    const lapseMs = await this.#lapse();
    const bursts = await this.#burst();
    const evidence = await this.#collect(since);
    this.#check(evidence, bursts);
    await this.#verify();
    return { evidence, violations: this.#violations, recoveryMs, lapseMs };
  }

  async #heal(inflictor: Inflictor): Promise<void> {
    const { postgres, provider } = this.#scene;
    await inflictor.lift();
    await postgres.heal();
    await provider.heal();
  }

  /** How long the last replica took to answer again, ms. */
  async #recover(): Promise<number> {
    const healedAt = performance.now();
    await Promise.all(
      this.#scene.run.replicas.map(async (replica) => {
        const bound = replica.serves ? RECOVERY_MS : RESTART_MS;
        await until(`replica ${replica.index} answers`, () => this.#answers(replica), bound).catch(() => {
          const what = `replica ${replica.index} does not open sessions ${bound} ms after the last fault`;
          this.#violated(
            'services recover by themselves',
            `${what}: ${replica.lastLines.slice(-3).join(' | ')}`,
          );
        });
      }),
    );
    return performance.now() - healedAt;
  }

  async #answers(replica: Replica): Promise<boolean> {
    if (!(await replica.isReady())) return false;
    const { run } = this.#scene;
    const project = run.projects[this.#options.number % run.projects.length]!;
    const { opening, granted } = await this.#open(replica, project, `probe${Math.round(performance.now())}`);
    if (granted !== undefined) await run.client.end(replica, granted, 'delete');
    return ['200', '429 concurrency_limit_exceeded'].includes(outcomeOf(opening));
  }

  #open(replica: Replica, project: RigProject, name: string): Promise<Opened> {
    const tag = `${project.id}-e${this.#options.number}-${name}-${replica.index}`;
    return this.#scene.run.client.open(replica, { project, tag, route: '/session', patienceMs: PATIENCE_MS });
  }

  /** Until every slot is free: what clients did not give back lapses within a lease. */
  async #lapse(): Promise<number> {
    const from = performance.now();
    const { database } = this.#scene.run;
    const free = async (): Promise<boolean> => (await liveSessions(database)) === 0;
    await until('every slot is free', free, LONGEST_LEASE_S * 1_000 + SWEEP_MS).catch(() => undefined);
    for (const violation of slotsStillTaken(await slotCounts(database))) this.#violations.push(violation);
    return performance.now() - from;
  }

  /** More at once than there are slots, all of which are free. */
  async #burst(): Promise<Burst[]> {
    const { projects, database } = this.#scene.run;
    const bursts: Burst[] = [];
    for (let first = 0; first < projects.length; first += BURSTS_AT_ONCE) {
      const some = projects.slice(first, first + BURSTS_AT_ONCE);
      bursts.push(...(await Promise.all(some.map((project) => this.#burstOf(project)))));
    }
    for (const violation of slotsStillTaken(await slotCounts(database))) this.#violations.push(violation);
    return bursts;
  }

  async #burstOf(project: RigProject): Promise<Burst> {
    const { replicas, client } = this.#scene.run;
    const free = Math.min(project.caps.all, project.caps.vault);
    const opened = await Promise.all(
      Array.from({ length: free + BURST_BEYOND }, (_, index) =>
        this.#open(replicas[index % replicas.length]!, project, `burst${index}`),
      ),
    );
    const outcomes: Record<string, number> = {};
    for (const { opening, granted } of opened) {
      const outcome = outcomeOf(opening);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (granted !== undefined) await client.end(replicas[opening.replica]!, granted, 'delete');
    }
    return { project: project.id, free, outcomes };
  }

  async #collect(since: string): Promise<Evidence> {
    const { run, provider, ledger } = this.#scene;
    return {
      faults: this.inflicted,
      openings: ledger.openings,
      sessions: await sessionsSince(run.database, since),
      audit: await auditSince(run.database, since),
      uses: provider.uses(),
    };
  }

  #check({ openings, sessions, audit, uses }: Evidence, bursts: Burst[]): void {
    const caps = new Map(this.#scene.run.projects.map((project) => [project.id, project.caps]));
    const capsOf = (project: string): RigProject['caps'] => caps.get(project)!;
    this.#violations.push(
      ...overAdmissions(heldByDatabase(sessions), capsOf),
      ...overAdmissions(heldByClients(openings), capsOf),
      ...needlessRefusals(openings, sessions, capsOf),
      ...wrongBursts(bursts),
      ...usesWithoutRecord(uses, audit),
      ...sessionsWithoutRow(openings, sessions, audit),
      ...replaysThatDiffer(openings),
      ...endsNotKept(openings, sessions),
      ...unexpectedAnswers(openings),
    );
  }

  async #verify(): Promise<void> {
    const problem = await this.#scene.run.verifyAudit();
    if (problem !== undefined) this.#violated('chains are valid', problem);
  }

  #violated(check: string, what: string): void {
    this.#violations.push({ check, what });
  }
}
