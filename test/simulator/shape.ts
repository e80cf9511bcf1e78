export interface Problem {
  code: 'unknown_parameter' | 'invalid_type' | 'invalid_value' | 'missing_required_parameter';
  param: string;
  message: string;
}

/** Undefined when the value is fine: nothing is allocated for a good request. */
export type Check = (value: unknown, path: string) => Problem | undefined;
export type Fields = Record<string, Check>;
type Json = Record<string, unknown>;

const ECHO_LIMIT = 64;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nameOfType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function mistyped(value: unknown, path: string, expected: string): Problem {
  const where = path === '' ? 'the request body' : `'${path}'`;
  const message = `Invalid type for ${where}: expected ${expected}, but got ${nameOfType(value)} instead.`;
  return { code: 'invalid_type', param: path, message };
}

function invalid(path: string, message: string): Problem {
  return { code: 'invalid_value', param: path, message };
}

function missing(path: string): Problem {
  return {
    code: 'missing_required_parameter',
    param: path,
    message: `Missing required parameter: '${path}'.`,
  };
}

function under(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

export const anything: Check = () => undefined;

export const text: Check = (value, path) =>
  typeof value === 'string' ? undefined : mistyped(value, path, 'a string');

export const flag: Check = (value, path) =>
  typeof value === 'boolean' ? undefined : mistyped(value, path, 'a boolean');

export function matching(pattern: RegExp): Check {
  return (value, path) => {
    if (typeof value !== 'string') return mistyped(value, path, 'a string');
    return pattern.test(value)
      ? undefined
      : invalid(path, `Invalid '${path}': the string has an invalid form.`);
  };
}

export function literal(...allowed: string[]): Check {
  const supported = allowed.map((one) => `'${one}'`).join(', ');
  return (value, path) => {
    if (typeof value !== 'string') return mistyped(value, path, `one of ${supported}`);
    if (allowed.includes(value)) return undefined;
    return invalid(
      path,
      `Invalid value: '${value.slice(0, ECHO_LIMIT)}'. Supported values are: ${supported}.`,
    );
  };
}

export function decimal(min: number, max: number): Check {
  return (value, path) => {
    if (typeof value !== 'number') return mistyped(value, path, 'a number');
    return value >= min && value <= max
      ? undefined
      : invalid(
          path,
          `Invalid '${path}': expected a value between ${min} and ${max}, but got ${value} instead.`,
        );
  };
}

export function integer(min: number, max: number): Check {
  const within = decimal(min, max);
  return (value, path) =>
    Number.isInteger(value) ? within(value, path) : mistyped(value, path, 'an integer');
}

export function nullable(check: Check): Check {
  return (value, path) => (value === null ? undefined : check(value, path));
}

export function listOf(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return mistyped(value, path, 'an array');
    return firstProblem(value.entries(), ([index, item]) => check(item, `${path}[${index}]`));
  };
}

export function mapOf(check: Check): Check {
  return (value, path) => {
    if (!isObject(value)) return mistyped(value, path, 'an object');
    return firstProblem(Object.keys(value), (name) => check(value[name], under(path, name)));
  };
}

/** An object of a closed list of fields. */
export function object(fields: Fields, ...required: string[]): Check {
  return (value, path) => {
    if (!isObject(value)) return mistyped(value, path, 'an object');
    const absent = required.find((name) => !Object.hasOwn(value, name));
    if (absent !== undefined) return missing(under(path, absent));
    return firstProblem(Object.keys(value), (name) => field(fields, name)(value[name], under(path, name)));
  };
}

function field(fields: Fields, name: string): Check {
  // A caller's field may be called 'constructor': only own entries are fields.
  const check = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return check ?? unknownParameter;
}

const unknownParameter: Check = (_value, path) => ({
  code: 'unknown_parameter',
  param: path,
  message: `Unknown parameter: '${path}'.`,
});

/** An object of which one field, the tag, says which other fields it has; without a fallback it is required. */
export function tagged(tag: string, shapes: Record<string, Check>, fallback?: string): Check {
  const known = literal(...Object.keys(shapes));
  return (value, path) => {
    if (!isObject(value)) return mistyped(value, path, 'an object');
    const type = value[tag] === undefined ? fallback : value[tag];
    if (type === undefined) return missing(under(path, tag));
    return known(type, under(path, tag)) ?? shapes[type as string]?.(value, path);
  };
}

/** A union told apart by the JavaScript type of the value. */
export function byType(types: Partial<Record<'string' | 'number' | 'array' | 'object', Check>>): Check {
  const expected = Object.keys(types).join(' or ');
  return (value, path) => {
    const type = Array.isArray(value) ? 'array' : typeof value;
    const check = value === null ? undefined : (types as Partial<Fields>)[type];
    return check ? check(value, path) : mistyped(value, path, `one of these types: ${expected}`);
  };
}

export function allOf(...checks: Check[]): Check {
  return (value, path) => firstProblem(checks, (check) => check(value, path));
}

export function anyFieldOf(...names: string[]): Check {
  const list = names.map((name) => `'${name}'`).join(', ');
  return (value, path) => {
    if (!isObject(value) || names.some((name) => Object.hasOwn(value, name))) return undefined;
    return { ...missing(path), message: `Missing required parameter: one of ${list} in '${path}'.` };
  };
}

function firstProblem<T>(items: Iterable<T>, check: (item: T) => Problem | undefined): Problem | undefined {
  for (const item of items) {
    const problem = check(item);
    if (problem) return problem;
  }
  return undefined;
}

/** The provider cannot answer with text and audio at once, nor with neither. */
export function exactlyOne(check: Check): Check {
  return allOf(listOf(check), (value, path) =>
    Array.isArray(value) && new Set(value).size !== 1
      ? invalid(path, `Invalid '${path}': exactly one value is accepted.`)
      : undefined,
  );
}
