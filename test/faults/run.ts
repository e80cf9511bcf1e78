import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeManifests } from '../support/manifests.ts';
import { runProgram } from '../support/service-process.ts';
import { signToken } from '../support/stack.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { Belongings } from './belongings.ts';
import { Client } from './client.ts';
import type { RigPostgres } from './database.ts';
import { type Ledger } from './ledger.ts';
import { makeProjects, manifestsOf, type RigProject } from './projects.ts';
import type { Provider } from './provider.ts';
import { Replica } from './replica.ts';

const ISSUED_FOR_S = 24 * 3_600;
const START_TIMEOUT_MS = 60_000;
/** Replicas' clocks are this far apart. */
const SKEWS_MS = [0, 10_000, -10_000];

export interface RunOptions {
  folder: string;
  processes: number;
  postgres: RigPostgres;
  provider: Provider;
  ledger: Ledger;
  onDefect: (what: string) => void;
}

/** Replicas in production mode on a database of their own. */
export interface Run {
  database: TestDatabase;
  replicas: Replica[];
  projects: RigProject[];
  client: Client;
  tokens: ReadonlyMap<string, string>;
  /** `vestibule audit verify`: what it said when it found fault. */
  verifyAudit(): Promise<string | undefined>;
  close(): Promise<void>;
}

export async function startRun(options: RunOptions): Promise<Run> {
  const { postgres, provider, ledger } = options;
  const belongings = new Belongings();
  try {
    const database = await postgres.createDatabase();
    belongings.add(async () => {
      await postgres.heal();
      await database.drop();
    });
    const directory = join(options.folder, database.name);
    mkdirSync(directory, { mode: 0o700 });
    const projects = makeProjects();
    writeManifests(directory, 'projects.json', manifestsOf(projects, provider.baseUrl));
    const [adminKey, jwtSecret] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')];
    const environment = (port: number): Record<string, string> => ({
      NODE_ENV: 'production',
      LOG_LEVEL: 'info',
      DATABASE_URL: onPort(database.servingUrl, port),
      VESTIBULE_DIR: directory,
      VESTIBULE_PROVIDER_URLS: provider.baseUrl,
      VESTIBULE_ADMIN_KEY: adminKey,
      VESTIBULE_JWT_SECRET: jwtSecret,
      VESTIBULE_ADDRESS_LIMIT: 'off',
    });
    const client = new Client(ledger, adminKey);
    belongings.add(() => client.close());
    const replicas: Replica[] = [];
    for (let index = 0; index < options.processes; index += 1) {
      const skewMs = SKEWS_MS[index % SKEWS_MS.length]!;
      const databasePort = (): number => postgres.port;
      const { onDefect } = options;
      replicas.push(await Replica.start({ index, environment, databasePort, skewMs, belongings, onDefect }));
    }
    await Promise.all(
      replicas.map((one) => until('a replica is ready', () => one.isReady(), START_TIMEOUT_MS)),
    );
    return {
      database,
      replicas,
      projects,
      client,
      tokens: await tokensOf(projects, jwtSecret),
      verifyAudit: async () => {
        const { code, stdout, stderr } = await runProgram(['audit', 'verify'], environment(postgres.port));
        return code === 0 ? undefined : `exit ${code}: ${stdout}${stderr}`;
      },
      close: () => belongings.close(),
    };
  } catch (error) {
    await belongings.close();
    throw error;
  }
}

function onPort(url: string, port: number): string {
  const moved = new URL(url);
  moved.port = String(port);
  return moved.href;
}

async function tokensOf(projects: RigProject[], secret: string): Promise<Map<string, string>> {
  const exp = Math.floor(Date.now() / 1000) + ISSUED_FOR_S;
  const tokens = new Map<string, string>();
  for (const { client } of projects) {
    if (client !== undefined) tokens.set(client, await signToken(secret, { sub: client, exp }));
  }
  return tokens;
}
