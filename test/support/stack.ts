import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { startSimulator, type Simulator } from '../simulator/simulator.ts';
import { aKey, aProject, aSecret, writeManifests } from './manifests.ts';
import { type ServiceGroup, startServices } from './services.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

export { type Answer, ask, type RequestOptions } from './ask.ts';

export const PROJECT = 'proj_test';

export interface StackOptions {
  /** Service processes on the one database and directory. */
  processes?: number;
  environment?: Record<string, string>;
  /** Beside `proj_test`, whose spec `project` gives. */
  manifests?: (baseUrl: string) => Record<string, unknown>[];
  project?: Record<string, unknown>;
}

/** Everything a test needs, for real: PostgreSQL, a directory vault, a provider simulator, service processes. */
export interface Stack extends ServiceGroup {
  database: TestDatabase;
  simulator: Simulator;
  directory: string;
  /** The key of `proj_test`. */
  key: string;
  /** A token that this service could have signed; claims override. */
  token(subject: string, claims?: Record<string, unknown>): Promise<string>;
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const directory = mkdtempSync(join(tmpdir(), 'vestibule-stack-'));
  const [database, simulator] = await Promise.all([createTestDatabase(), startSimulator()]);
  const key = aKey();
  writeManifests(directory, 'test.json', [
    aProject(simulator.url, PROJECT, options.project),
    aSecret(PROJECT, key),
    ...(options.manifests?.(simulator.url) ?? []),
  ]);
  const release = async (): Promise<void> => {
    await simulator.close();
    await database.drop();
    rmSync(directory, { recursive: true, force: true });
  };
  const group = await startServices({
    processes: options.processes,
    database,
    environment: { VESTIBULE_DIR: directory, ...options.environment },
    release,
  });
  return {
    ...group,
    database,
    simulator,
    directory,
    key,
    token: (subject, claims = {}) => signToken(group.jwtSecret, { sub: subject, ...claims }),
  };
}

export async function signToken(secret: string, claims: Record<string, unknown>): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iat: now, exp: now + 600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}
