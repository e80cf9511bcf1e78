import { randomBytes } from 'node:crypto';
import { type Answer, ask, type RequestOptions } from './ask.ts';
import { type ServiceProcess, startServiceProcess } from './service-process.ts';
import type { TestDatabase } from './test-database.ts';
import { until } from './until.ts';

/** Service processes on one database, and how they are asked. */
export interface ServiceGroup {
  services: ServiceProcess[];
  /** The first service's. */
  url: string;
  opsUrl: string;
  adminKey: string;
  jwtSecret: string;
  environment: Record<string, string>;
  request(path: string, options?: RequestOptions): Promise<Answer>;
  admin(path: string, options?: RequestOptions): Promise<Answer>;
  addService(environment?: Record<string, string>): Promise<ServiceProcess>;
  /** Stops the services, then what they stand on. */
  stop(): Promise<void>;
}

export interface ServiceGroupOptions {
  processes: number | undefined;
  database: TestDatabase;
  environment: Record<string, string>;
  /** Gives back what the services stand on. */
  release: () => Promise<void>;
}

/** Resolves once the first is ready. */
export async function startServices(options: ServiceGroupOptions): Promise<ServiceGroup> {
  const { processes = 1, database, release } = options;
  const adminKey = randomBytes(24).toString('hex');
  const jwtSecret = randomBytes(24).toString('hex');
  const environment = {
    NODE_ENV: 'test',
    DATABASE_URL: database.servingUrl,
    DATABASE_MIGRATION_URL: database.ownerUrl,
    VESTIBULE_ADMIN_KEY: adminKey,
    VESTIBULE_JWT_SECRET: jwtSecret,
    VESTIBULE_ADDRESS_LIMIT: 'off',
    LOG_LEVEL: 'debug',
    ...options.environment,
  };
  const services: ServiceProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.stop()));
    await release();
  };
  const addService = async (extra: Record<string, string> = {}): Promise<ServiceProcess> => {
    const service = await startServiceProcess({ ...environment, ...extra });
    services.push(service);
    return service;
  };
  try {
    await Promise.all(Array.from({ length: processes }, () => addService()));
    await until('the service is ready', () => isReady(services[0]!));
  } catch (error) {
    await stop();
    throw error;
  }
  const { url, opsUrl } = services[0]!;
  const request = (path: string, options: RequestOptions = {}): Promise<Answer> =>
    ask(`${options.base ?? url}${path}`, options);
  return {
    services,
    url,
    opsUrl,
    adminKey,
    jwtSecret,
    environment,
    request,
    admin: (path, options = {}) =>
      request(path, { ...options, headers: { 'x-admin-api-key': adminKey, ...options.headers } }),
    addService,
    stop,
  };
}

export async function isReady({ opsUrl }: ServiceProcess): Promise<boolean> {
  return (await ask(`${opsUrl}/readyz`)).status === 200;
}
