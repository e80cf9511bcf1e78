import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { readPassword, SUPERUSER } from './cluster.ts';
import type { EmbeddedPostgres } from './embedded-postgres.ts';
import { shelterFor } from './placement.ts';
import { inspect } from './postmaster.ts';
import { connectionUrl } from './readiness.ts';

/** The server of this directory, if one runs now. Neither starts, stops nor adopts one, and writes nothing. */
export async function findEmbeddedPostgres(
  directory: string,
): Promise<Pick<EmbeddedPostgres, 'superuserUrl' | 'urlFor'> | undefined> {
  const real = await realpath(directory).catch(() => undefined);
  if (real === undefined) return undefined;
  const state = join(real, 'postgres');
  for (const base of [state, shelterFor(real)]) {
    const { running } = await inspect(join(base, 'data'));
    const password = running && (await readPassword(state));
    if (running === undefined || password === undefined) continue;
    return {
      superuserUrl: connectionUrl(running.port, SUPERUSER, password, 'postgres'),
      urlFor: (role, ofRole, database) => connectionUrl(running.port, role, ofRole, database),
    };
  }
  return undefined;
}
