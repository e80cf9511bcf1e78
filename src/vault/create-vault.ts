import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import type { ManifestDirectory } from '../directory/manifest-directory.ts';
import { DirectoryVault } from './directory-vault.ts';
import type { Vault } from './vault.ts';

/** The adapter that the settings choose. */
export function createVault(directory: ManifestDirectory, clock: Clock, logger: Logger): Vault {
  return new DirectoryVault(directory, clock, logger);
}
