import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { AuditRow } from '../audit/audit-row.ts';
import { AppError } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import type { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import type { PublicTotals } from '../telemetry/metrics.ts';
import { AuditTail } from './audit-tail.ts';
import type { FeedQueries } from './feed-queries.ts';
import { Listener } from './listener.ts';
import { CHANGES, HEARTBEAT, type Live, message, PRELUDE } from './messages.ts';

const POLL_MS = 1_000;
const TOTALS_MS = 5_000;
const HEARTBEAT_MS = 15_000;
const MAX_LISTENERS = 20;
const RETRY_AFTER_S = 5;
/** What was sent last may still be read; then connections are closed. */
const END_MS = 1_000;

interface Sources {
  queries: FeedQueries;
  pseudonyms: ProjectPseudonyms;
  /** Totals of this process. */
  totals: () => Promise<PublicTotals>;
}

/** What is known while somebody listens. */
interface Watch {
  tail: AuditTail;
  /** Undefined until the database was asked once. */
  reachable: boolean | undefined;
  live: Live | undefined;
  byProject: Map<string, number>;
  totals: PublicTotals;
  totalsAt: number;
  timer: NodeJS.Timeout | undefined;
  heartbeat: NodeJS.Timeout;
}

interface Levels {
  total: number;
  byProject: Map<string, number>;
}

/** What happens at all replicas, for who listens here. However many they are, the database is asked once for all. */
export class LiveFeed {
  readonly #sources: Sources;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners = new Set<Listener>();
  #watch: Watch | undefined;
  #stopped = false;

  constructor(sources: Sources, clock: Clock, logger: Logger) {
    this.#sources = sources;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The text of the stream; who goes away destroys it. */
  async listen(): Promise<Readable> {
    this.#assertRoom();
    const totals = await this.#sources.totals();
    this.#assertRoom();
    const listener = new Listener((gone) => {
      this.#forget(gone);
    });
    this.#listeners.add(listener);
    listener.send(PRELUDE);
    this.#watch ??= this.#begin(totals);
    this.#greet(this.#watch);
    return listener.stream;
  }

  /** Ends all streams, and begins none. */
  stop(): void {
    this.#stopped = true;
    for (const listener of this.#listeners) listener.end();
    setTimeout(() => {
      for (const listener of this.#listeners) listener.cut();
    }, END_MS).unref();
  }

  #assertRoom(): void {
    const full = this.#listeners.size >= MAX_LISTENERS;
    if (!full && !this.#stopped) return;
    const reason = full ? 'As many listen here as may.' : 'This process is about to end.';
    throw new AppError('unavailable', reason, { retryAfter: RETRY_AFTER_S });
  }

  #forget(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0 || this.#watch === undefined) return;
    clearTimeout(this.#watch.timer);
    clearInterval(this.#watch.heartbeat);
    this.#watch = undefined;
  }

  #begin(totals: PublicTotals): Watch {
    const heartbeat = setInterval(() => {
      this.#tell(watch, HEARTBEAT);
    }, HEARTBEAT_MS);
    const watch: Watch = {
      tail: new AuditTail(this.#sources.queries),
      reachable: undefined,
      live: undefined,
      byProject: new Map(),
      totals,
      totalsAt: this.#clock.monotonic(),
      timer: undefined,
      heartbeat,
    };
    void this.#poll(watch);
    return watch;
  }

  async #poll(watch: Watch): Promise<void> {
    const reachable = await this.#ask(watch);
    if (reachable !== watch.reachable && watch.reachable !== undefined)
      this.#tell(watch, message('database', { reachable }));
    if (reachable && watch.reachable === false) this.#forgetWhatIsKnown(watch);
    watch.reachable = reachable;
    if (this.#watch === watch) this.#greet(watch);
    await this.#tellTotals(watch);
    // Nobody listens any more, or others do since.
    if (this.#watch !== watch) return;
    watch.timer = setTimeout(() => void this.#poll(watch), POLL_MS);
    watch.timer.unref();
  }

  /** Whether the database answered. */
  async #ask(watch: Watch): Promise<boolean> {
    try {
      const slots = await this.#sources.queries.slots();
      // Last: rows that it brought are not brought again.
      const { rows, skipped } = await watch.tail.next();
      const told = skipped > 0 ? [message('skipped', { rows: skipped })] : [];
      for (const row of rows) told.push(...this.#sessionMessage(row), message('audit', row));
      told.push(...liveMessage(watch, this.#byProject(slots)));
      // All at once: whoever reads has until the next time.
      if (told.length > 0) this.#tell(watch, told.join(''));
      return true;
    } catch (error) {
      if (watch.reachable !== false) this.#logger.warn({ err: error }, 'events wait for the database');
      return false;
    }
  }

  #sessionMessage({ event, session_id: id, project_hash: hash, time }: AuditRow): string[] {
    const change = CHANGES[event];
    if (change === undefined || id === null) return [];
    const projectId = this.#sources.pseudonyms.projectOf(hash ?? '')?.projectId ?? null;
    return [message('session', { change, session_id: id, project_id: projectId, time })];
  }

  #byProject(slots: ReadonlyMap<string, number>): Levels {
    const byProject = new Map<string, number>();
    let total = 0;
    for (const [hash, taken] of slots) {
      total += taken;
      const projectId = this.#sources.pseudonyms.projectOf(hash)?.projectId;
      if (projectId !== undefined) byProject.set(projectId, taken);
    }
    return { total, byProject };
  }

  async #tellTotals(watch: Watch): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - watch.totalsAt < TOTALS_MS) return;
    watch.totalsAt = now;
    watch.totals = await this.#sources.totals();
    this.#tell(watch, message('totals', watch.totals));
  }

  /** Who came while the database was away knows no levels, of which only changes are told: all begin again. */
  #forgetWhatIsKnown(watch: Watch): void {
    if (this.#watch !== watch) return;
    for (const listener of this.#listeners) listener.greeted = false;
  }

  /** The first message for those who have none yet, once something is known. */
  #greet({ reachable, live, totals }: Watch): void {
    if (reachable === undefined) return;
    const text = message('snapshot', {
      time: new Date(this.#clock.now()).toISOString(),
      database: { reachable },
      live: (reachable ? live : undefined) ?? null,
      totals,
    });
    for (const listener of this.#listeners) {
      if (listener.greeted) continue;
      listener.greeted = true;
      listener.send(text);
    }
  }

  #tell(watch: Watch, text: string): void {
    // What an earlier watch still had to say was for those who have left.
    if (this.#watch !== watch) return;
    for (const listener of this.#listeners) {
      // A comment is for everybody; what changes is for those who know what was before.
      if (!listener.greeted && text !== HEARTBEAT) continue;
      if (!listener.send(text)) this.#logger.warn('a reader of events was too slow and is cut off');
    }
  }
}

/** What changed, if anything did; the watch knows it from now on. */
function liveMessage(watch: Watch, { total, byProject }: Levels): string[] {
  const projects = changes(watch.byProject, byProject);
  const moved = projects.length > 0 || total !== watch.live?.total;
  watch.byProject = byProject;
  watch.live = { total, projects: changes(new Map(), byProject) };
  return moved ? [message('live', { total, projects })] : [];
}

function changes(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): Live['projects'] {
  const gone = [...before.keys()].filter((projectId) => !now.has(projectId)).map((id) => [id, 0] as const);
  return [...now, ...gone]
    .filter(([projectId, live]) => (before.get(projectId) ?? 0) !== live)
    .map(([projectId, live]) => ({ project_id: projectId, live }));
}
