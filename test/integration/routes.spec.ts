import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppModule } from '../../src/app.module.ts';
import { Access, type AccessRule, Public } from '../../src/auth/access.ts';
import { SystemClock } from '../../src/common/clock.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { createDataSource } from '../../src/database/data-source.ts';
import { Database } from '../../src/database/database.ts';
import { Installation } from '../../src/database/installation.ts';
import { openBackend } from '../../src/backend.ts';
import { AppErrorFilter } from '../../src/http/app-error.filter.ts';
import { createFastify } from '../../src/http/fastify.ts';
import { RouteTable } from '../../src/http/route-table.ts';
import { type Service, startService } from '../../src/service.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type DeclaredRoute, declaredRoutes } from '../support/declared-routes.ts';
import { type Answer, ask, signToken } from '../support/stack.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const adminKey = randomBytes(24).toString('hex');
const jwtSecret = randomBytes(24).toString('hex');
const clock = new SystemClock();
const log = createLog('silent');
let directory: string;
let database: TestDatabase;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vestibule-routes-'));
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
  rmSync(directory, { recursive: true, force: true });
});

function settings(): ReturnType<typeof loadSettings> {
  return loadSettings({
    NODE_ENV: 'test',
    PORT: '0',
    OPS_PORT: '0',
    DATABASE_URL: database.servingUrl,
    VESTIBULE_DIR: directory,
    VESTIBULE_ADMIN_KEY: adminKey,
    VESTIBULE_JWT_SECRET: jwtSecret,
  });
}

describe('every route of the service', () => {
  let service: Service;
  let declared: DeclaredRoute[];

  beforeAll(async () => {
    const urls = { serving: database.servingUrl, migration: database.ownerUrl };
    service = await startService({
      settings: settings(),
      log,
      clock,
      databaseUrls: urls,
      onRefused: () => undefined,
    });
    declared = declaredRoutes();
  });
  afterAll(async () => {
    await service.stop();
  });

  function routesOf(...kinds: AccessRule['kind'][]): string[] {
    const found = declared.filter(({ rule }) => rule !== undefined && kinds.includes(rule.kind));
    expect(found).not.toEqual([]);
    return found.map(({ route }) => route);
  }

  function target(route: string): { method: string; url: string } {
    const [method = '', path = ''] = route.split(' ');
    return { method, url: service.url + path.replaceAll(/:\w+/g, 'x') };
  }

  function request(route: string, headers: Record<string, string>): Promise<Answer> {
    const { method, url } = target(route);
    return ask(url, { method, headers });
  }

  /** Without waiting for the end of an answer, which a stream does not have. */
  async function statusFor(route: string, headers: Record<string, string>): Promise<number> {
    const { method, url } = target(route);
    const response = await fetch(url, { method, headers });
    await response.body?.cancel();
    return response.status;
  }

  it('is of a controller that declares who may call it', () => {
    const served = service.routes.list().map(({ method, template }) => `${method} ${template}`);
    expect(served.sort()).toEqual(declared.map(({ route }) => route).sort());
    expect(declared.filter(({ rule }) => rule === undefined)).toEqual([]);
  });

  it('is described in /openapi.json, with the credentials that it takes, and nothing else is', async () => {
    const { json } = await ask(`${service.url}/openapi.json`);
    const described = Object.entries(
      json.paths as Record<string, Record<string, { security: object[] }>>,
    ).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({
        route: `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
        schemes: security.flatMap((scheme) => Object.keys(scheme)),
      })),
    );
    const schemes = {
      public: [],
      caller: ['clientToken'],
      callerOrLease: ['clientToken', 'leaseToken'],
      lease: ['leaseToken', 'adminKey'],
      admin: ['adminKey'],
    };
    const byRoute = (a: { route: string }, b: { route: string }): number => a.route.localeCompare(b.route);
    expect(described.sort(byRoute)).toEqual(
      declared.map(({ route, rule }) => ({ route, schemes: schemes[rule!.kind] })).sort(byRoute),
    );
  });

  it('gives a reason when it is public, and answers anybody', async () => {
    for (const { route, rule } of declared) {
      if (rule?.kind !== 'public') continue;
      expect(rule.reason).toMatch(/\w+ \w+/);
      // what a parameter names is not there
      expect([route, (await request(route, {})).status]).toEqual([route, route.includes(':') ? 404 : 200]);
    }
  });

  it('refuses whoever brings no admin key, or another, when it is for admins', async () => {
    const token = await signToken(jwtSecret, { sub: 'acme' });
    const others: Record<string, string>[] = [
      {},
      { 'x-admin-api-key': '' },
      { 'x-admin-api-key': randomBytes(24).toString('hex') },
      { 'x-admin-api-key': adminKey.slice(0, -1) },
      { 'x-admin-api-key': `${adminKey}, ${adminKey}` },
      { authorization: `Bearer ${adminKey}` },
      { authorization: `Bearer ${token}` },
    ];
    for (const route of routesOf('admin')) {
      for (const headers of others) {
        const { status, json } = await request(route, headers);
        expect([route, headers, status, json.error]).toEqual([route, headers, 401, 'unauthorized']);
      }
      expect([route, await statusFor(route, { 'x-admin-api-key': adminKey })]).not.toEqual([route, 401]);
    }
  });

  it('refuses whoever brings nothing when it is for callers or holders of a lease', async () => {
    for (const route of routesOf('caller', 'lease')) {
      expect([route, (await request(route, {})).status]).toEqual([route, 401]);
    }
  });

  it('refuses a wrong admin key also where a lease token would do', async () => {
    for (const route of routesOf('lease')) {
      const { status } = await request(route, { 'x-admin-api-key': 'x', authorization: 'Bearer lt_x' });
      expect([route, status]).toEqual([route, 401]);
    }
  });
});

@Controller('probe')
class ProbeController {
  @Get('undeclared')
  undeclared(): string {
    return 'reached';
  }

  @Get('public')
  @Public('shows that the probe is served')
  public(): string {
    return 'reached';
  }

  @Get('admin')
  @Access('admin')
  admin(): string {
    return 'reached';
  }
}

describe('a route that declares nothing', () => {
  let app: NestFastifyApplication;
  let url: string;

  beforeAll(async () => {
    const pool = {
      url: database.servingUrl,
      poolSize: 3,
      applicationName: 'test',
      onPoolError: () => undefined,
    };
    const platform = {
      settings: settings(),
      log,
      clock,
      database: new Database(createDataSource(pool), true),
      installation: new Installation(),
      backend: await openBackend(settings(), log, clock),
    };
    class ServiceWithProbe {}
    Module({ imports: [AppModule.of(platform)], controllers: [ProbeController] })(ServiceWithProbe);
    const routes = new RouteTable();
    const adapter = createFastify({
      settings: platform.settings,
      clock,
      routes,
      onFinished: () => undefined,
      turnAway: () => undefined,
      isDraining: () => false,
    });
    app = await NestFactory.create<NestFastifyApplication>(ServiceWithProbe, adapter, {
      logger: false,
      bodyParser: false,
    });
    app.useGlobalFilters(new AppErrorFilter(routes, clock, log));
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(async () => {
    await app.close();
  });

  it('is closed to everybody, admins and clients included', async () => {
    const token = await signToken(jwtSecret, { sub: 'acme' });
    const everybody: Record<string, string>[] = [
      {},
      { 'x-admin-api-key': adminKey },
      { authorization: `Bearer ${token}` },
    ];
    for (const headers of everybody) {
      const { status, json, text } = await ask(`${url}/probe/undeclared`, { headers });
      expect([status, json?.error]).toEqual([403, 'forbidden']);
      expect(text).not.toContain('reached');
    }
  });

  it('is closed beside routes that declare theirs and are served', async () => {
    const answers = await Promise.all([
      ask(`${url}/probe/public`),
      ask(`${url}/probe/admin`, { headers: { 'x-admin-api-key': adminKey } }),
      ask(`${url}/probe/admin`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 401]);
  });
});
