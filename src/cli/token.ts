import { MAX_TOKEN_TTL_S, OwnTokens } from '../auth/own-tokens.ts';
import { SystemClock } from '../common/clock.ts';
import { withGeneratedSecrets } from '../config/generated-secrets.ts';
import { loadSettings, SettingsError } from '../config/load-settings.ts';

export async function printToken(clientId: string, ttlSeconds: number): Promise<void> {
  const { jwtSecrets } = await withGeneratedSecrets(loadSettings(process.env));
  if (jwtSecrets === undefined) throw new SettingsError(['VESTIBULE_JWT_SECRET is required in production']);
  if (ttlSeconds < 1 || ttlSeconds > MAX_TOKEN_TTL_S)
    throw new Error(`--ttl must be 1 to ${MAX_TOKEN_TTL_S}`);
  const tokens = new OwnTokens(jwtSecrets, new SystemClock());
  process.stdout.write(`${tokens.sign(clientId, ttlSeconds)}\n`);
}
