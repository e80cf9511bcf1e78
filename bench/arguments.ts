import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Its message is for the person who typed the command. */
export class UsageError extends Error {}

export const TEXT = { type: 'string' } as const;
export const FLAG = { type: 'boolean', default: false } as const;
export const TEXTS = { ...TEXT, multiple: true, default: [] as string[] } as const;

type Declared = NonNullable<ParseArgsConfig['options']>;

/** The values of options that are declared as `parseArgs` wants them. */
export function valuesOf<const T extends Declared>(args: string[], options: T) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export function integers(name: string, text: string, least: number, most: number): number[] {
  const found = text.split(',').map((item) => integer(name, item, least, most));
  if (found.length > 10) throw new UsageError(`--${name} takes at most 10 numbers`);
  if (new Set(found).size !== found.length) throw new UsageError(`--${name} names a number twice`);
  return found;
}

export function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`--${name} must be of whole numbers from ${least} to ${most}`);
}

/** Undefined when the option was not given. */
export function optionalInteger(
  name: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  return text === undefined ? undefined : integer(name, text, least, most);
}

/** Part of a file's name. */
export function nameOf(text: string | undefined): string | undefined {
  if (text === undefined || /^[a-z0-9][a-z0-9-]{0,39}$/.test(text)) return text;
  throw new UsageError('--name must be of lower-case letters, digits and dashes');
}
