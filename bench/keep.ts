import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Kept, resultsPage } from './results-page.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = 'bench/results';

/** Writes a result into the checkout, and the page that lists them all anew. Returns the file's path in the checkout. */
export function keep(result: Omit<Kept, 'date' | 'commit' | 'dirty'>, name: string | undefined): string {
  const date = new Date().toISOString();
  const commit = git('rev-parse', '--short', 'HEAD') ?? 'unknown';
  const dirty = git('status', '--porcelain', '--untracked-files=no', '--', '.', `:!${FOLDER}`) !== '';
  const kept: Kept = { date, commit, dirty, ...result };
  const parts = [date.slice(0, 10), commit, ...(name === undefined ? [] : [name])];
  const file = freeName(parts.join('-'));
  mkdirSync(`${CHECKOUT}${FOLDER}`, { recursive: true });
  writeFileSync(`${CHECKOUT}${FOLDER}/${file}`, `${JSON.stringify(kept, rounded, 2)}\n`);
  writeFileSync(`${CHECKOUT}${FOLDER}/README.md`, resultsPage(keptFiles()));
  return `${FOLDER}/${file}`;
}

/** To what a reader can use. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}

/** A result is never written over. */
function freeName(stem: string): string {
  const taken = new Set(fileNames());
  let name = `${stem}.json`;
  for (let count = 2; taken.has(name); count += 1) name = `${stem}-${count}.json`;
  return name;
}

function keptFiles(): { file: string; kept: Kept }[] {
  return fileNames().map((file) => ({
    file,
    kept: JSON.parse(readFileSync(`${CHECKOUT}${FOLDER}/${file}`, 'utf8')) as Kept,
  }));
}

function fileNames(): string[] {
  mkdirSync(`${CHECKOUT}${FOLDER}`, { recursive: true });
  return readdirSync(`${CHECKOUT}${FOLDER}`).filter((file) => file.endsWith('.json'));
}

/** Undefined where this is no checkout of git. */
function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, { cwd: CHECKOUT, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}
