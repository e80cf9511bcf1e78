/** Checks what the documentation says of the checkout: paths, links, rooms. Names all that is wrong, then exits 1. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage']);
/** Folders of one machine, and the user's home: a page that names them was written for its author alone. */
const MACHINE_PATH =
  /(?<![\w.$>-])(\/(root|home|work|Users|tmp|mnt|opt)\/[\w.-]+|\/(root|work)\b|[A-Z]:\\\w+|~\/\w+)/;
const LINK = /!?\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g;
const CODE = /`([^`]+)`/g;
/** What a table names in code is a path when it ends like one, and a constant when it is written like one. */
const PATH = /^[\w.-][\w./-]*(\/|\.(ts|mjs|js|json|sh|md|ya?ml))$/;
const CONSTANT = /^[A-Z]+_[A-Z_]+$/;

interface Line {
  text: string;
  number: number;
  fenced: boolean;
}

const problems = [...markdownFiles(ROOT).flatMap(checkFile), ...roomsWithoutReadme()];
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;

function checkFile(file: string): string[] {
  const name = relative(ROOT, file);
  return linesOf(readFileSync(file, 'utf8')).flatMap((line) =>
    [...machinePath(line), ...brokenLinks(file, line), ...wrongNames(file, line)].map(
      (problem) => `${name}:${line.number}: ${problem}`,
    ),
  );
}

function machinePath({ text }: Line): string[] {
  const found = MACHINE_PATH.exec(text);
  return found === null ? [] : [`names the machine path ${found[0]}`];
}

function brokenLinks(file: string, { text, fenced }: Line): string[] {
  if (fenced) return [];
  return [...text.matchAll(LINK)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .flatMap((target) => brokenLink(file, target));
}

function brokenLink(file: string, target: string): string[] {
  const [path = '', anchor] = target.split('#', 2);
  const linked = path === '' ? file : join(dirname(file), decodeURIComponent(path));
  if (!existsSync(linked)) return [`links to ${target}, which does not exist`];
  if (anchor === undefined || !linked.endsWith('.md')) return [];
  return anchorsOf(linked).has(anchor) ? [] : [`links to ${target}, which has no such heading`];
}

/** As GitHub names headings. */
function anchorsOf(file: string): Set<string> {
  const headings = linesOf(readFileSync(file, 'utf8')).filter(
    ({ text, fenced }) => !fenced && /^#+ /.test(text),
  );
  return new Set(
    headings.map(({ text }) =>
      text
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );
}

/** Tables name files, from the root or from the page's own folder; those of docs/ also name constants in them. */
function wrongNames(file: string, { text, fenced }: Line): string[] {
  if (fenced || !text.startsWith('|')) return [];
  const names = [...text.matchAll(CODE)].map(([, name = '']) => name);
  const paths = names.filter((name) => PATH.test(name));
  const sources = paths.flatMap((path) => locate(file, path) ?? []).filter((path) => path.endsWith('.ts'));
  const constants = relative(ROOT, file).startsWith('docs')
    ? names.filter((name) => CONSTANT.test(name))
    : [];
  return [
    ...paths
      .filter((path) => locate(file, path) === undefined)
      .map((path) => `names ${path}, which does not exist`),
    ...constants
      .filter(
        (name) => sources.length > 0 && !sources.some((path) => readFileSync(path, 'utf8').includes(name)),
      )
      .map((name) => `names ${name}, which is not in ${paths.join(', ')}`),
  ];
}

function locate(file: string, path: string): string | undefined {
  return [join(ROOT, path), join(dirname(file), path)].find(existsSync);
}

function roomsWithoutReadme(): string[] {
  return readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `src/${name}/README.md`)
    .filter((readme) => !existsSync(join(ROOT, readme)))
    .map((readme) => `${readme} does not exist: every room has one`);
}

function markdownFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name) || entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

function linesOf(text: string): Line[] {
  let fenced = false;
  return text.split('\n').map((line, index) => {
    const fence = /^\s*(```|~~~)/.test(line);
    if (fence) fenced = !fenced;
    return { text: line, number: index + 1, fenced: fenced || fence };
  });
}
