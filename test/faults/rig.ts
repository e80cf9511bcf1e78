import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Belongings } from './belongings.ts';
import type { Violation } from './checks/facts.ts';
import { RigPostgres } from './database.ts';
import { PrivateDisk } from './disk.ts';
import { Epoch, type EpochResult, type Scene } from './epoch.ts';
import { keepEvidence } from './evidence.ts';
import type { FaultKind } from './fault-kinds.ts';
import { Ledger } from './ledger.ts';
import { FAULTS_A_DATABASE, type RigOptions } from './options.ts';
import { planEpoch } from './plan.ts';
import { Provider } from './provider.ts';
import { Random } from './random.ts';
import { describe, historyOf, Report } from './report.ts';
import { type Run, startRun } from './run.ts';

const PROGRESS_MS = 10_000;
/** How many faults are planned for each that is wanted: some find nothing to strike. */
const SPARE = 1.2;
const MAX_EXTRA_EPOCHS = 5;

type Say = (...lines: string[]) => void;

/** The whole rig, from its first process to its last. */
export class Rig {
  readonly report = new Report();
  readonly ledger = new Ledger();
  readonly #options: RigOptions;
  readonly #signal: AbortSignal;
  readonly #say: Say;
  readonly #belongings = new Belongings();
  readonly #defects: Violation[] = [];
  #epoch: Epoch | undefined;

  constructor(options: RigOptions, signal: AbortSignal, say: Say) {
    this.#options = options;
    this.#signal = signal;
    this.#say = say;
  }

  async run(): Promise<void> {
    const progress = setInterval(() => {
      this.#tellProgress();
    }, PROGRESS_MS);
    try {
      await Promise.race([this.#runEpochs(), aborted(this.#signal)]);
    } catch (error) {
      if (this.#epoch !== undefined)
        this.#say('faults of this epoch so far:', ...historyOf(this.#epoch.inflicted));
      throw error;
    } finally {
      clearInterval(progress);
      await this.#belongings.close();
    }
  }

  async #runEpochs(): Promise<void> {
    const scene = await this.#start();
    const { faults, epoch: size } = this.#options;
    const most = Math.ceil(faults / size) + MAX_EXTRA_EPOCHS;
    let run: Run | undefined;
    let takenAt = 0;
    for (let number = 0; this.report.inflicted < faults && number < most; number += 1) {
      this.#signal.throwIfAborted();
      if (run === undefined || this.report.inflicted - takenAt >= FAULTS_A_DATABASE) {
        await run?.close();
        run = await this.#startRun(scene);
        takenAt = this.report.inflicted;
      }
      await this.#runEpoch(number, { ...scene, run });
    }
    await run?.close();
  }

  async #start(): Promise<Omit<Scene, 'run'> & { folder: string; without: Set<FaultKind> }> {
    // Root's PostgreSQL runs as another user, which has to reach its data.
    const folder = mkdtempSync(join('/var/tmp', 'vestibule-faults-'));
    chmodSync(folder, 0o711);
    const remove = (): void => {
      forget();
      rmSync(folder, { recursive: true, force: true });
    };
    this.#belongings.add(remove);
    const { path, disk } = PrivateDisk.mount(folder, this.#belongings);
    const forget = this.#belongings.atExit(remove);
    if (disk === undefined)
      this.#say('disk-full is left out: only root may mount the small disk that it fills');
    const postgres = await RigPostgres.start(path, disk, this.#belongings);
    const provider = await Provider.start(join(folder, 'seen.jsonl'), this.#belongings);
    const without = new Set<FaultKind>(disk === undefined ? ['disk-full'] : []);
    return { folder, postgres, provider, ledger: this.ledger, without };
  }

  async #startRun({ folder, postgres, provider }: Omit<Scene, 'run'> & { folder: string }): Promise<Run> {
    const run = await startRun({
      folder,
      processes: this.#options.processes,
      postgres,
      provider,
      ledger: this.ledger,
      onDefect: (what) => this.#defects.push({ check: 'no service ends by itself or logs a defect', what }),
    });
    this.#belongings.add(() => run.close());
    return run;
  }

  async #runEpoch(number: number, scene: Scene & { without: Set<FaultKind> }): Promise<void> {
    const { seed, faults, epoch: size, rate, processes, clients } = this.#options;
    const random = new Random(`${seed}/epoch-${number}`);
    const wanted = Math.min(size, faults - this.report.inflicted);
    // The same whatever became of the epochs before.
    const count = Math.ceil(Math.min(size, faults) * SPARE);
    const plan = planEpoch(random, {
      count,
      first: number * count + 1,
      perSecond: rate,
      targets: processes,
      without: scene.without,
    });
    this.#epoch = new Epoch(scene, { number, plan, wanted, clients, random, signal: this.#signal });
    const result = await this.#epoch.run();
    result.violations.push(...this.#defects.splice(0));
    this.report.add(result);
    this.#epoch = undefined;
    this.#tell(number, result);
    this.ledger.forget();
    scene.provider.forgetUses();
  }

  #tell(number: number, { evidence, violations, recoveryMs, lapseMs }: EpochResult): void {
    const { sessions, uses, faults } = evidence;
    this.#say(
      `epoch ${number}: ${faults.length} faults, ${sessions.length} sessions, ${uses.length} key uses; recovered in ` +
        `${Math.round(recoveryMs)} ms, free after ${Math.round(lapseMs)} ms; ${violations.length} violations`,
    );
    if (violations.length === 0) return;
    this.#say(...describe(violations), 'its faults:', ...historyOf(faults));
    this.#say(
      `all that was looked at is in ${keepEvidence(this.#options.seed, number, { violations, ...evidence })}`,
    );
  }

  #tellProgress(): void {
    const { report, ledger } = this;
    const now = this.#epoch?.inflicted.length ?? 0;
    const kills = report.count('service-kill') + this.#inEpoch('service-kill');
    const counts = Object.entries(ledger.outcomes)
      .map(([outcome, count]) => `${outcome}: ${count}`)
      .join(', ');
    this.#say(
      `${report.seconds} s: ${report.inflicted + now}/${this.#options.faults} faults, ${kills} of them kill -9 of services; ` +
        `${report.violations.length} violations; this epoch ${counts}`,
    );
  }

  #inEpoch(kind: FaultKind): number {
    return this.#epoch?.inflicted.filter((fault) => fault.kind === kind).length ?? 0;
  }
}

/** Rejects once the signal is given. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}
