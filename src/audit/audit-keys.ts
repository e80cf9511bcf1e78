import { existingSigningKey } from '../config/generated-secrets.ts';
import type { Settings } from '../config/load-settings.ts';
import { configuredKeys, NO_KEYS, type VerifyingKeys } from './signing-keys.ts';

/** The keys by which heads are verified that the settings' key signed. Another machine can have generated another. */
export async function auditKeys(settings: Settings): Promise<VerifyingKeys> {
  const keys = await existingSigningKey(settings);
  return keys === undefined
    ? NO_KEYS
    : configuredKeys(keys, { all: settings.auditSigningKeys !== undefined });
}
