import { AppError, unavailable } from '../common/app-error.ts';
import { Gate } from '../common/gate.ts';
import { isTimedOut } from '../database/database-error.ts';
import type { Installation } from '../database/installation.ts';
import type { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { StatsQueries } from './stats-queries.ts';
import { type AskedRange, statsRange } from './stats-range.ts';
import { auditState, type ProjectTally, series, talliesOfProjects } from './stats-view.ts';

/** Each may hold a connection for as long as a statement may take; the others serve sessions. */
const MAX_AT_ONCE = 2;
/** Different questions, as dashboards with long ranges have; equal ones wait as one. With those under way there are as many as may listen to events here. */
const MAX_WAITING = 18;

/** Of one question, and no reason to refuse another. */
class RefusedQuestion {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** Figures of all replicas over a range, from the database. */
export class StatsService {
  readonly #queries: StatsQueries;
  readonly #registry: ProjectRegistry;
  readonly #pseudonyms: ProjectPseudonyms;
  readonly #installation: Installation;
  readonly #gate = new Gate({ maxAtOnce: MAX_AT_ONCE, maxWaiting: MAX_WAITING });
  /** Not begun yet, by question: an answer that is being made may be older than who asks now. */
  readonly #waiting = new Map<string, Promise<Record<string, unknown>>>();

  constructor(
    queries: StatsQueries,
    projects: { registry: ProjectRegistry; pseudonyms: ProjectPseudonyms },
    installation: Installation,
  ) {
    this.#queries = queries;
    this.#registry = projects.registry;
    this.#pseudonyms = projects.pseudonyms;
    this.#installation = installation;
  }

  read(asked: AskedRange): Promise<Record<string, unknown>> {
    const question = JSON.stringify([asked.from, asked.to, asked.step]);
    const waiting = this.#waiting.get(question);
    if (waiting !== undefined) return waiting;
    const waitsNoMore = (): void => {
      if (this.#waiting.get(question) === answer) this.#waiting.delete(question);
    };
    const answer = this.#inTurn(asked, waitsNoMore).finally(waitsNoMore);
    this.#waiting.set(question, answer);
    return answer;
  }

  async #inTurn(asked: AskedRange, begin: () => void): Promise<Record<string, unknown>> {
    const answer = await this.#gate.run(() => {
      begin();
      return this.#answer(asked);
    });
    if (answer instanceof RefusedQuestion) throw answer.error;
    return answer;
  }

  async #answer(asked: AskedRange): Promise<Record<string, unknown> | RefusedQuestion> {
    try {
      return await this.#read(asked);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === 'invalid_request') return new RefusedQuestion(error);
      if (!isTimedOut(error)) throw error;
      return new RefusedQuestion(
        unavailable('The range has more rows than can be counted in time: ask for a shorter one.', error),
      );
    }
  }

  async #read(asked: AskedRange): Promise<Record<string, unknown>> {
    const facts = await this.#queries.facts();
    const now = facts.now.getTime();
    const range = statsRange(asked, now);
    const counts = await this.#queries.counts(range, now);
    const latency = await this.#queries.latency(range);
    return {
      from: new Date(range.from).toISOString(),
      to: new Date(range.to).toISOString(),
      step: range.stepMs / 1000,
      now: facts.now.toISOString(),
      ...series(range, facts, counts, latency),
      projects: await this.#projects(talliesOfProjects(counts), facts.now),
      audit: auditState(facts),
    };
  }

  async #projects(tallies: ReadonlyMap<string, ProjectTally>, now: Date): Promise<Record<string, unknown>[]> {
    const projects = new Map(
      [...tallies].flatMap(([hash, tally]) => {
        const projectId = this.#pseudonyms.projectOf(hash)?.projectId;
        return projectId === undefined ? [] : [[projectId, tally] as const];
      }),
    );
    const limits = new Map(
      [...this.#registry.snapshot.projectsById].flatMap(([projectId, { spec }]) =>
        spec.limits.sessionsPerMonth === undefined
          ? []
          : [[projectId, spec.limits.sessionsPerMonth] as const],
      ),
    );
    const subjectOf = (projectId: string): string => this.#installation.projectHash(projectId);
    const used = await this.#queries.quotas([...limits.keys()].map(subjectOf));
    const resetsAt = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)).toISOString();
    return [...new Set([...projects.keys(), ...limits.keys()])].sort().map((projectId) => {
      const limit = limits.get(projectId);
      return {
        project_id: projectId,
        ...(projects.get(projectId) ?? { attempts: 0, opened: 0, failed: 0 }),
        quota:
          limit === undefined
            ? null
            : { used: used.get(subjectOf(projectId)) ?? 0, limit, resets_at: resetsAt },
      };
    });
  }
}
