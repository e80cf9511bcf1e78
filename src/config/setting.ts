/** Why a value was refused. The text names the rule and never the value. */
export class SettingProblem extends Error {}

/** One environment variable: where its type, default, check and documentation are declared together. */
export interface Setting<T> {
  env: string;
  /** One sentence for docs/configuration.md and --help. */
  doc: string;
  /** As written in the environment; absent: the setting is optional or has a rule of its own (`defaultDoc`). */
  default?: string;
  /** What the documentation says of the default where `default` is absent. */
  defaultDoc?: string;
  /** Never shown; may also come from the file that `<env>_FILE` names. */
  secret?: true;
  parse: (text: string) => T;
}

/** Declares an optional setting: absent without a default. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return setting;
}

/** Declares a setting that always has a value. */
export function required<T>(setting: Setting<T> & { default: string }): Setting<T> {
  return setting;
}

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new SettingProblem(`must be a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

export function oneOf<const T extends string>(...values: T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found === undefined) throw new SettingProblem(`must be one of ${values.join(', ')}`);
    return found;
  };
}

export function list<T>(parse: (text: string) => T): (text: string) => T[] {
  return (text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map(parse);
}

export function url(...protocols: string[]): (text: string) => string {
  return (text) => {
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    if (parsed === undefined || !protocols.includes(parsed.protocol)) {
      throw new SettingProblem(
        `must be a URL of ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
      );
    }
    return text;
  };
}
