/** What is compared of an answer on a page: names and types, not values. An empty list or object stands for any. */
export type Shape = string | { [name: string]: Shape } | Shape[];

export function shapeOf(value: unknown, shown: unknown): Shape {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  if (isEmpty(shown)) return Array.isArray(value) ? [] : {};
  if (Array.isArray(value)) {
    return Array.isArray(shown) ? value.slice(0, 1).map((each) => shapeOf(each, shown[0])) : ['list'];
  }
  const other = (shown ?? {}) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each, other[name])]));
}

function isEmpty(shown: unknown): boolean {
  return typeof shown === 'object' && shown !== null && Object.keys(shown).length === 0;
}

/** The last line of an output that is JSON, or undefined. */
export function lastJson(printed: string): unknown {
  for (const line of printed
    .trim()
    .split(/\n|(?<=\})(?=\{)/)
    .reverse()) {
    if (!/^[[{]/.test(line)) continue;
    try {
      return JSON.parse(line) as unknown;
    } catch {
      continue;
    }
  }
  return undefined;
}
