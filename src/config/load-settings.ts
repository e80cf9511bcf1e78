import { readFileSync } from 'node:fs';
import { declarations, type DeclaredSettings, isCloudflareTurnUrl } from './settings.ts';
import { type Setting, SettingProblem } from './setting.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Every setting, checked. A class, so that it is also the name under which it is injected. */
export abstract class Settings {
  /** The one question that several rules ask. */
  abstract production: boolean;
  /** Not of the environment: the base URL that the demo gives to projects which a deposit creates. */
  abstract demoProviderUrl?: string;
  /** Where the pod is, when nothing says otherwise. */
  abstract namespace: string;
  abstract keyNamespace: string;
}
export interface Settings extends Omit<DeclaredSettings, 'namespace' | 'keyNamespace'> {}

const POD_NAMESPACE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** All problems of an environment at once; exit code 78 (EX_CONFIG). */
export class SettingsError extends Error {
  static readonly EXIT_CODE = 78;
  readonly exitCode = SettingsError.EXIT_CODE;
  readonly problems: string[];

  constructor(problems: string[]) {
    super(`The settings are not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

const REQUIRED_TO_SERVE_IN_PRODUCTION: ReadonlySet<string> = new Set([
  'databaseUrl',
  'adminKeys',
  'jwtSecrets',
]);

/** Reads and checks the environment; `serve` needs in production what it makes for itself elsewhere. */
export function loadSettings(environment: Environment, command: 'serve' | 'other' = 'other'): Settings {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries<Setting<unknown>>(declarations)) {
    try {
      const text = readText(setting, environment);
      values[key] = text === undefined ? undefined : setting.parse(text);
      if (text === undefined && isRequired(key, command, values)) {
        problems.push(`${setting.env} is required in production`);
      }
    } catch (error) {
      if (!(error instanceof SettingProblem)) throw error;
      problems.push(`${setting.env} ${error.message}`);
    }
  }
  problems.push(...contradictions(values));
  if (problems.length > 0) throw new SettingsError(problems);
  return derived(values as unknown as DeclaredSettings);
}

function contradictions(values: Partial<DeclaredSettings>): string[] {
  const { tokenReview, vault, auditFile, auditFileRequired, nodeEnv, turnCloudflareUrl } = values;
  const problems: string[] = [];
  if (tokenReview === 'on' && vault === 'directory') {
    problems.push(
      'VESTIBULE_TOKEN_REVIEW can be on only where VESTIBULE_VAULT is kubernetes: it asks the cluster',
    );
  }
  if (auditFileRequired === 'on' && auditFile === undefined) {
    problems.push('VESTIBULE_AUDIT_FILE_REQUIRED is on without VESTIBULE_AUDIT_FILE: name the file');
  }
  if (
    nodeEnv === 'production' &&
    turnCloudflareUrl !== undefined &&
    !isCloudflareTurnUrl(turnCloudflareUrl)
  ) {
    problems.push('VESTIBULE_TURN_CLOUDFLARE_URL can be loopback only outside production');
  }
  return problems;
}

function derived(settings: DeclaredSettings): Settings {
  const namespace = settings.namespace ?? podNamespace() ?? 'default';
  return {
    ...settings,
    production: settings.nodeEnv === 'production',
    namespace,
    keyNamespace: settings.keyNamespace ?? namespace,
  };
}

function podNamespace(): string | undefined {
  try {
    return readFileSync(POD_NAMESPACE, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

function isRequired(key: string, command: 'serve' | 'other', values: Record<string, unknown>): boolean {
  return (
    command === 'serve' && values['nodeEnv'] === 'production' && REQUIRED_TO_SERVE_IN_PRODUCTION.has(key)
  );
}

function readText(setting: Setting<unknown>, environment: Environment): string | undefined {
  const text = environment[setting.env];
  const file = setting.secret === true ? environment[`${setting.env}_FILE`] : undefined;
  if (text && file) throw new SettingProblem(`and ${setting.env}_FILE are both set: keep one`);
  if (file) return readSecretFile(setting.env, file);
  // An empty variable is an unset one: that is what Compose files and charts write for "no value".
  return text || setting.default;
}

function readSecretFile(env: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    throw new SettingProblem(`cannot be read from the file that ${env}_FILE names`);
  }
}
