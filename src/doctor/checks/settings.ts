import { type Environment, loadSettings, type Settings, SettingsError } from '../../config/load-settings.ts';
import { failure, type Found } from '../finding.ts';

const FIX = 'set it as docs/configuration.md says; no value is shown here';

/** The settings as `serve` would take them; when only `serve` misses one, those that the other checks can do with. */
export function readSettings(environment: Environment): { settings: Settings | undefined; found: Found[] } {
  try {
    return { settings: loadSettings(environment, 'serve'), found: [] };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const found = error.problems.map((problem) => failure(problem, FIX));
    return { settings: otherwise(environment), found };
  }
}

function otherwise(environment: Environment): Settings | undefined {
  try {
    return loadSettings(environment);
  } catch {
    return undefined;
  }
}
