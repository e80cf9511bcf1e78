import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfPresent } from '../common/private-files.ts';
import { SecretString } from '../common/secret-string.ts';
import { type Settings, SettingsError } from './load-settings.ts';
import { MIN_SECRET_LENGTH } from './settings.ts';

const SIGNING_KEY = 'audit-signing-key';

/**
 * Outside production, makes the secrets that the settings do not give and keeps them in a sub-folder of
 * VESTIBULE_DIR, so that tokens and the admin key outlive a restart and every command sees the same.
 */
export async function withGeneratedSecrets(settings: Settings): Promise<Settings> {
  if (settings.production) return settings;
  const folder = folderOf(settings);
  return {
    ...settings,
    adminKeys: settings.adminKeys ?? [await generated(folder, 'admin-key')],
    jwtSecrets: settings.jwtSecrets ?? [await generated(folder, 'jwt-secret')],
    auditSigningKeys: settings.auditSigningKeys ?? (await generated(folder, SIGNING_KEY, signingKey)),
  };
}

/** The signing key of the settings, or the one that was generated; makes none. */
export async function existingSigningKey(settings: Settings): Promise<SecretString | undefined> {
  if (settings.auditSigningKeys !== undefined || settings.production) return settings.auditSigningKeys;
  const text = await readIfPresent(join(folderOf(settings), SIGNING_KEY));
  return text === undefined ? undefined : new SecretString(text);
}

function folderOf({ directory }: Settings): string {
  return join(directory, 'secrets');
}

function token(): string {
  return randomBytes(32).toString('base64url');
}

function signingKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Whole or not there: a crash or a second process never leaves or sees half a secret. */
async function generated(folder: string, name: string, make = token): Promise<SecretString> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  const draft = join(folder, `.${name}-${randomBytes(8).toString('hex')}`);
  try {
    await writeFile(draft, make(), { flag: 'wx', mode: 0o600, flush: true });
    await link(draft, path);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const text = (await readFile(path, 'utf8')).trim();
  if (text.length < MIN_SECRET_LENGTH)
    throw new SettingsError([`${path} is too short: remove it to make another`]);
  return new SecretString(text);
}
