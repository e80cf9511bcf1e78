import type { Environment } from '../../config/load-settings.ts';
import type { Setting } from '../../config/setting.ts';
import { declarations } from '../../config/settings.ts';
import { findingEach, type Found, ok, warning } from '../finding.ts';

const PREFIX = 'VESTIBULE_';
/** Kubernetes gives these to every container near a Service whose name begins with `vestibule`. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const SERVICE_LINK_VALUE = /^(tcp|udp|sctp):\/\//;

/** Variables that look like settings and are none: most are slips, and what they should set has its default. */
export function checkEnvironment(environment: Environment): Found[] {
  const known = knownNames();
  const unknown = Object.entries(environment)
    .filter(
      ([name, value]) => name.startsWith(PREFIX) && !known.includes(name) && !isServiceLink(name, value),
    )
    .map(([name]) => name)
    .sort();
  if (unknown.length === 0) return [ok(`no unknown ${PREFIX} variables`)];
  return findingEach(unknown, (name) =>
    warning(`${name} is no setting, so nothing reads it`, fixOf(name, known)),
  );
}

function isServiceLink(name: string, value = ''): boolean {
  return SERVICE_LINK.test(name) || (name.endsWith('_PORT') && SERVICE_LINK_VALUE.test(value));
}

function knownNames(): string[] {
  return Object.values<Setting<unknown>>(declarations).flatMap(({ env, secret }) =>
    secret === true ? [env, `${env}_FILE`] : [env],
  );
}

function fixOf(name: string, known: string[]): string {
  const setting = name.replace(/_FILE$/, '');
  if (setting !== name && known.includes(setting)) return `set ${setting}: only secrets may come from a file`;
  return `remove it, or rename it: the nearest setting is ${nearest(name, known)}`;
}

function nearest(name: string, known: string[]): string {
  const [first] = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((left, right) => left.distance - right.distance);
  return first?.candidate ?? '';
}

/** How many letters have to be put in, taken out or changed (Levenshtein). */
export function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...left].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...right].entries()) {
      const changed = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
