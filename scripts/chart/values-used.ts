import type { DocumentedValue } from './documented-values.ts';

/** Values that templates read, by their path: `.Values.image.tag`. */
export function usedPaths(template: string): string[] {
  return [...template.matchAll(/\.Values((?:\.[A-Za-z][A-Za-z0-9]*)+)/g)].map(([, path = '']) =>
    path.slice(1),
  );
}

/** Declared and read nowhere; a template that reads a group reads all in it. */
export function unusedValues(values: readonly DocumentedValue[], used: readonly string[]): string[] {
  return leaves(values).filter(
    (path) =>
      !used.some((read) => path === read || path.startsWith(`${read}.`) || read.startsWith(`${path}.`)),
  );
}

/** Read and declared nowhere; what is inside a value that is open may have any name. */
export function undeclaredValues(values: readonly DocumentedValue[], used: readonly string[]): string[] {
  const declared = all(values);
  return used.filter(
    (path) =>
      !declared.some(
        (value) =>
          value.path === path ||
          (value.members.length === 0 && isOpen(value) && path.startsWith(`${value.path}.`)),
      ),
  );
}

function isOpen({ default: value }: DocumentedValue): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function all(values: readonly DocumentedValue[]): DocumentedValue[] {
  return values.flatMap((value) => [value, ...all(value.members)]);
}

function leaves(values: readonly DocumentedValue[]): string[] {
  return all(values)
    .filter(({ members }) => members.length === 0)
    .map(({ path }) => path);
}
