import type { Rule, RuleGroup } from './charts.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d+)(ms|s|m|h|d)$/;
/** A range, a subquery with the step that its sum is multiplied by, an offset. Nothing else in an expression is time. */
const RANGE = /\[(\w+)\]/g;
const SUBQUERY = /\[(\w+):(\w+)\](\)\s*\*\s*(\d+(?:\.\d+)?)\b)?/g;
const OFFSET = /\boffset (\w+)/g;

/** As Prometheus writes it, in milliseconds. */
export function millisecondsOf(duration: string): number {
  const [, amount, unit = ''] = DURATION.exec(duration) ?? [];
  const milliseconds = UNITS[unit];
  if (milliseconds === undefined) throw new Error(`no duration of one unit: ${duration}`);
  return Number(amount) * milliseconds;
}

/** The same duration, so many times shorter; in whole milliseconds, which is as short as Prometheus knows it. */
export function shortened(duration: string, factor: number): string {
  const milliseconds = millisecondsOf(duration) / factor;
  if (!Number.isInteger(milliseconds) || milliseconds === 0) {
    throw new Error(`${duration} cannot be ${factor} times shorter`);
  }
  return milliseconds % 1_000 === 0 ? `${milliseconds / 1_000}s` : `${milliseconds}ms`;
}

/**
 * An expression that looks so many times less far back. What is measured stays: thresholds, rates a second, ages. A sum
 * over a subquery's steps is made an amount by their length in seconds, which is shorter, too.
 */
export function timeLapsed(expr: string, factor: number): string {
  return expr
    .replaceAll(RANGE, (_all, range: string) => `[${shortened(range, factor)}]`)
    .replaceAll(SUBQUERY, (_all, ...parts: (string | undefined)[]) => {
      const [range = '', step = '', weighed, seconds] = parts;
      const short = `[${shortened(range, factor)}:${shortened(step, factor)}]`;
      if (weighed === undefined) return short;
      if (Number(seconds) * 1_000 !== millisecondsOf(step)) {
        throw new Error(`steps of ${step} are weighed by ${seconds}`);
      }
      return `${short}) * ${Number(seconds) / factor}`;
    })
    .replaceAll(OFFSET, (_all, offset: string) => `offset ${shortened(offset, factor)}`);
}

/** The same rules for a world in which everything takes so many times less. */
export function timeLapsedGroups(groups: readonly RuleGroup[], factor: number): RuleGroup[] {
  return groups.map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => timeLapsedRule(rule, factor)),
  }));
}

function timeLapsedRule({ expr, for: held, ...rest }: Rule, factor: number): Rule {
  return {
    ...rest,
    expr: timeLapsed(expr, factor),
    ...(held !== undefined && { for: shortened(held, factor) }),
  };
}
