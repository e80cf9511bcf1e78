import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretString } from '../common/secret-string.ts';
import type { Settings } from './load-settings.ts';

/**
 * Outside production, makes the secrets that the settings do not give and keeps them in a sub-folder of
 * VESTIBULE_DIR, so that tokens and the admin key outlive a restart and every command sees the same.
 */
export async function withGeneratedSecrets(settings: Settings): Promise<Settings> {
  if (settings.production) return settings;
  const folder = join(settings.directory, 'secrets');
  return {
    ...settings,
    adminKeys: settings.adminKeys ?? [await generated(folder, 'admin-key')],
    jwtSecrets: settings.jwtSecrets ?? [await generated(folder, 'jwt-secret')],
  };
}

async function generated(folder: string, name: string): Promise<SecretString> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  try {
    await writeFile(path, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  }
  return new SecretString((await readFile(path, 'utf8')).trim());
}
