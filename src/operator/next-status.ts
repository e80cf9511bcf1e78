import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../common/json.ts';
import { secondsTime } from '../kubernetes/timestamps.ts';
import type { HeldKey, Planned } from '../projects/plan.ts';
import type { ClientStatus, Condition, ProjectStatus } from '../projects/resource-status.ts';

/** The API server keeps a condition's message up to this length. */
const MAX_MESSAGE = 32_768;

export interface StatusChange<Status> {
  status: Status;
  /** Conditions whose status or reason is another than before. */
  transitions: Condition[];
}

export interface Moment {
  generation: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/** The status that a project should have; undefined when it has it. */
export function nextProjectStatus(
  before: unknown,
  planned: readonly Planned[],
  facts: { key: HeldKey | undefined; activeSessions: number | undefined },
  moment: Moment,
): StatusChange<ProjectStatus> | undefined {
  const old = (isRecord(before) ? before : {}) as ProjectStatus;
  const { key } = facts;
  const activeSessions = facts.activeSessions ?? old.activeSessions;
  // Each replica loads a key at another time: the first that was told stays.
  const told = key?.fingerprint === old.keyFingerprint ? old.keyLoadedAt : undefined;
  return changeOf<ProjectStatus>(old, {
    ...common(old, planned, moment),
    ...(key !== undefined && {
      keyFingerprint: key.fingerprint,
      keyLoadedAt: told ?? secondsTime(key.loadedAt),
    }),
    ...(activeSessions !== undefined && { activeSessions }),
  });
}

export function nextClientStatus(
  before: unknown,
  planned: readonly Planned[],
  moment: Moment,
): StatusChange<ClientStatus> | undefined {
  const old = (isRecord(before) ? before : {}) as ClientStatus;
  return changeOf<ClientStatus>(old, common(old, planned, moment));
}

/** A merge patch that leaves nothing of the status before. */
export function statusPatch(status: object, before: unknown): Record<string, unknown> {
  const gone = isRecord(before) ? Object.keys(before).filter((field) => !Object.hasOwn(status, field)) : [];
  return { ...Object.fromEntries(gone.map((field) => [field, null])), ...status };
}

function common(old: ClientStatus, planned: readonly Planned[], { generation, now }: Moment): ClientStatus {
  return {
    observedGeneration: generation,
    conditions: planned.map(({ message, ...one }) => {
      const previous = find(old, one.type);
      const same = previous?.status === one.status;
      return {
        ...one,
        message: message.slice(0, MAX_MESSAGE).toWellFormed(),
        observedGeneration: generation,
        lastTransitionTime: same ? previous.lastTransitionTime : secondsTime(now),
      };
    }),
  };
}

function changeOf<Status extends ClientStatus>(
  old: Status,
  status: Status,
): StatusChange<Status> | undefined {
  if (isDeepStrictEqual(old, status)) return undefined;
  const transitions = (status.conditions ?? []).filter((condition) => {
    const previous = find(old, condition.type);
    return previous?.status !== condition.status || previous.reason !== condition.reason;
  });
  return { status, transitions };
}

function find({ conditions }: ClientStatus, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
