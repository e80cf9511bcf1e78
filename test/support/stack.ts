import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { startSimulator, type Simulator } from '../simulator/simulator.ts';
import { aKey, aProject, aSecret, writeManifests } from './manifests.ts';
import { type ServiceProcess, startServiceProcess } from './service-process.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { until } from './until.ts';

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
export interface Stack {
  services: ServiceProcess[];
  /** The first service's. */
  url: string;
  opsUrl: string;
  database: TestDatabase;
  simulator: Simulator;
  directory: string;
  /** The key of `proj_test`. */
  key: string;
  adminKey: string;
  jwtSecret: string;
  environment: Record<string, string>;
  /** A token that this service could have signed; claims override. */
  token(subject: string, claims?: Record<string, unknown>): Promise<string>;
  request(path: string, options?: RequestOptions): Promise<Answer>;
  admin(path: string, options?: RequestOptions): Promise<Answer>;
  addService(environment?: Record<string, string>): Promise<ServiceProcess>;
  stop(): Promise<void>;
}

export interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown;
  /** Instead of the first service. */
  base?: string;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed JSON; undefined for another body. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  json: any;
}

export async function ask(url: string, options: RequestOptions = {}): Promise<Answer> {
  const { method, headers, body } = options;
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    redirect: 'manual',
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const directory = mkdtempSync(join(tmpdir(), 'vestibule-stack-'));
  const [database, simulator] = await Promise.all([createTestDatabase(), startSimulator()]);
  const key = aKey();
  const adminKey = randomBytes(24).toString('hex');
  const jwtSecret = randomBytes(24).toString('hex');
  writeManifests(directory, 'test.json', [
    aProject(simulator.url, PROJECT, options.project),
    aSecret(PROJECT, key),
    ...(options.manifests?.(simulator.url) ?? []),
  ]);
  const environment = {
    NODE_ENV: 'test',
    DATABASE_URL: database.servingUrl,
    DATABASE_MIGRATION_URL: database.ownerUrl,
    VESTIBULE_DIR: directory,
    VESTIBULE_ADMIN_KEY: adminKey,
    VESTIBULE_JWT_SECRET: jwtSecret,
    VESTIBULE_ADDRESS_LIMIT: 'off',
    LOG_LEVEL: 'debug',
    ...options.environment,
  };
  const services: ServiceProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.stop()));
    await simulator.close();
    await database.drop();
    rmSync(directory, { recursive: true, force: true });
  };
  const addService = async (extra: Record<string, string> = {}): Promise<ServiceProcess> => {
    const service = await startServiceProcess({ ...environment, ...extra });
    services.push(service);
    return service;
  };
  try {
    await Promise.all(Array.from({ length: options.processes ?? 1 }, () => addService()));
    await until(
      'the service is ready',
      async () => (await ask(`${services[0]!.opsUrl}/readyz`)).status === 200,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  const first = services[0]!;
  return {
    services,
    url: first.url,
    opsUrl: first.opsUrl,
    database,
    simulator,
    directory,
    key,
    adminKey,
    jwtSecret,
    environment,
    token: (subject, claims = {}) => signToken(jwtSecret, { sub: subject, ...claims }),
    request: (path, request) => ask(`${request?.base ?? first.url}${path}`, request),
    admin: (path, request = {}) =>
      ask(`${request.base ?? first.url}${path}`, {
        ...request,
        headers: { 'x-admin-api-key': adminKey, ...request.headers },
      }),
    addService,
    stop,
  };
}

export async function signToken(secret: string, claims: Record<string, unknown>): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iat: now, exp: now + 600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}
