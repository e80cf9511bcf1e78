import { VERSION } from '../common/version.ts';
import type { Finding, Status } from './finding.ts';

export interface Report {
  /** Whether no finding is an error. */
  ok: boolean;
  findings: Finding[];
  version: string;
}

export function reportOf(findings: Finding[]): Report {
  return { ok: findings.every(({ status }) => status !== 'error'), findings, version: VERSION };
}

const MARKS: Record<Status, string> = { ok: 'ok', warning: 'WARNING', error: 'ERROR', skipped: 'skipped' };

export function asText({ ok, findings, version }: Report): string {
  const checkWidth = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, status, message, fix }) => [
    `${MARKS[status].padEnd(7)}  ${check.padEnd(checkWidth)}  ${oneLine(message)}`,
    ...(fix === undefined ? [] : [`${' '.repeat(11 + checkWidth)}fix: ${oneLine(fix)}`]),
  ]);
  const count = (status: Status): number => findings.filter((finding) => finding.status === status).length;
  lines.push(
    '',
    `${ok ? 'no error' : counted(count('error'), 'error')}, ${counted(count('warning'), 'warning')}, ` +
      `${counted(count('skipped'), 'check')} skipped; vestibule ${version}`,
  );
  return `${lines.join('\n')}\n`;
}

export function asJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** File names are others' words: none of them may move the cursor or start a line. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
