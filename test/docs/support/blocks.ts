import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FENCE = /^ *```(.*)$/;

/** A fenced block of a page. */
export interface Block {
  /** From the root. */
  page: string;
  /** The heading above it, without its marks. */
  section: string;
  /** Of its first line of code, from 1. */
  line: number;
  language: string;
  /** What follows the language, which no renderer shows. */
  info: string;
  code: string;
}

export function pages(): string[] {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .trim()
    .split('\n');
}

export function blocksOf(page: string): Block[] {
  const lines = readFileSync(join(ROOT, page), 'utf8').split('\n');
  const fences = lines.flatMap((text, index) => (FENCE.test(text) ? [index] : []));
  if (fences.length % 2 === 1) throw new Error(`${page}: a block has no end`);
  return fences.flatMap((begin, nth) => {
    if (nth % 2 === 1) return [];
    const [language = '', ...info] = (FENCE.exec(lines[begin] ?? '')?.[1] ?? '').trim().split(' ');
    const code = lines.slice(begin + 1, fences[nth + 1]).map((text) => `${text}\n`);
    return {
      page,
      section: sectionAt(lines, begin, fences),
      line: begin + 2,
      language,
      info: info.join(' '),
      code: code.join(''),
    };
  });
}

/** The last heading before a line; a comment in a block of the shell is none. */
function sectionAt(lines: readonly string[], line: number, fences: readonly number[]): string {
  const isFenced = (index: number): boolean => fences.filter((fence) => fence <= index).length % 2 === 1;
  const heading = lines.findLastIndex((text, index) => index < line && /^#+ /.test(text) && !isFenced(index));
  return (lines[heading] ?? '').replace(/^#+ /, '');
}
