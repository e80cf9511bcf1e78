import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Ended, type Pod, Pods } from './support/pods.ts';

const { KUBECONFIG, VESTIBULE_IMAGE = '', POSTGRES_IMAGE = 'docker.io/library/postgres:17' } = process.env;
if (!KUBECONFIG || VESTIBULE_IMAGE === '') {
  throw new Error('VESTIBULE_IMAGE has to name an image that the cluster of KUBECONFIG has or can pull');
}

const NOBODY = 65_532;
const MOST_BYTES = 90_000_000;
const READY_SECONDS = 3;
const USAGE_EXIT_CODE = 78;
const POSTGRES_USER = 999;

interface Inventory {
  top: string[];
  files: string[];
  packages: string[];
  bytes: number;
  bytesOnDisk: number;
  command: string;
  commandMode: number;
}

const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
const { version, devDependencies } = JSON.parse(read('../../package.json')) as {
  version: string;
  devDependencies: Record<string, string>;
};
const { packages: locked } = JSON.parse(read('../../package-lock.json')) as {
  packages: Record<string, { dev?: boolean }>;
};
const secret = (): string => randomBytes(24).toString('hex');
/** Node, which is all that the image surely has, runs one of the scripts. */
const inside = (script: string): string[] => [
  'node',
  '--input-type=module',
  '-e',
  stripTypeScriptTypes(read(`inside/${script}`)),
];

describe('the image', () => {
  let pods: Pods;

  beforeAll(async () => {
    pods = await Pods.create();
  });
  afterAll(() => pods.close());

  const run = (args: string[], environment: Record<string, string> = {}): Promise<Ended> =>
    pods.run({ image: VESTIBULE_IMAGE, args, environment });
  const look = async (script: string): Promise<unknown> => {
    const { code, output } = await pods.run({ image: VESTIBULE_IMAGE, command: inside(script) });
    expect({ code, output }).toMatchObject({ code: 0 });
    return JSON.parse(output);
  };

  it('is the program: its arguments are those of the container', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, output: `${version}\n` });
    const { code, output } = await run(['--help']);
    expect(code).toBe(0);
    for (const command of ['serve', 'migrate', 'token', 'doctor', 'audit']) expect(output).toContain(command);
    expect(await run(['no-such-command'])).toMatchObject({ code: 2 });
  });

  it('is served in production, and names at once all that it misses', async () => {
    const { code, output } = await pods.run({ image: VESTIBULE_IMAGE });
    expect(code).toBe(USAGE_EXIT_CODE);
    for (const name of ['DATABASE_URL', 'VESTIBULE_ADMIN_KEY', 'VESTIBULE_JWT_SECRET']) {
      expect(output).toContain(name);
    }
  });

  it('runs as nobody, who may change nothing', async () => {
    expect(await look('who.ts')).toEqual({
      uid: NOBODY,
      capabilities: '0000000000000000',
      noNewPrivileges: '1',
      seccomp: '2',
      open: [],
    });
  });

  it('loads every module of the program', async () => {
    const { loaded, failed } = (await look('load-all.ts')) as { loaded: number; failed: string[] };
    expect(failed).toEqual([]);
    expect(loaded).toBeGreaterThan(100);
  });

  it('holds the program, and of packages exactly what the SBOM lists, in 90 MB', async () => {
    const sbom = JSON.parse(read('../../sbom.cdx.json')) as {
      components: { name: string; version: string }[];
    };
    const inventory = (await look('inventory.ts')) as Inventory;
    const { top, files, packages, bytes, bytesOnDisk } = inventory;
    expect(top).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json']);
    expect(packages).toEqual(sbom.components.map((one) => `${one.name}@${one.version}`).sort());
    const shipped = new Set(packages.map((one) => one.slice(0, one.lastIndexOf('@'))));
    // What the lock does not mark as such, libraries depend on as well.
    const tools = Object.keys(devDependencies).filter((name) => locked[`node_modules/${name}`]?.dev);
    expect(tools.length).toBeGreaterThan(20);
    expect(tools.filter((name) => shipped.has(name))).toEqual([]);
    expect(files.filter((name) => /\.(map|ts|node)$|^dist\/.*(spec|simulator|test)/.test(name))).toEqual([]);
    expect(Math.max(bytes, bytesOnDisk)).toBeLessThan(MOST_BYTES);
    expect(inventory).toMatchObject({ command: '/app/dist/main.js', commandMode: 0o755 });
  });

  describe('with a PostgreSQL', () => {
    const password = secret();
    const superuserPassword = secret();
    let environment: Record<string, string>;
    let service: Pod;

    beforeAll(async () => {
      const postgres = await pods.start({
        image: POSTGRES_IMAGE,
        user: POSTGRES_USER,
        environment: {
          POSTGRES_USER: 'postgres',
          POSTGRES_PASSWORD: superuserPassword,
          POSTGRES_DB: 'vestibule',
          PGDATA: '/var/lib/postgresql/data',
        },
        writable: ['/var/lib/postgresql', '/var/run/postgresql', '/tmp'],
      });
      const address = await postgres.address();
      const urlOf = (role: string, of = password): string =>
        `postgres://${role}:${of}@${address}:5432/vestibule`;
      const prepared = await pods.run({
        image: VESTIBULE_IMAGE,
        command: inside('prepare-database.ts'),
        environment: {
          SUPERUSER_URL: urlOf('postgres', superuserPassword),
          PASSWORD: password,
        },
      });
      expect(prepared).toEqual({ code: 0, output: '' });
      environment = {
        DATABASE_URL: urlOf('serving'),
        DATABASE_MIGRATION_URL: urlOf('owner'),
        VESTIBULE_ADMIN_KEY: secret(),
        VESTIBULE_JWT_SECRET: secret(),
      };
    }, 120_000);

    it('migrates', async () => {
      expect(await run(['migrate'], environment)).toMatchObject({ code: 0 });
    });

    it('is ready in less than 3 s of a processor that is its own', async () => {
      service = await pods.start({
        image: VESTIBULE_IMAGE,
        environment,
        writable: ['/app/.vestibule'],
        afterStart: inside('tell-ready.ts'),
        kept: true,
      });
      const [, after, without] = await service.says(
        /^ready after ([\d.]+) s, ([\d.]+) s without processor$/m,
      );
      expect(Number(after) - Number(without)).toBeLessThan(READY_SECONDS);
    });

    it('answers what is under way when it is told to end, and ends with 0', async () => {
      const client = await pods.start({
        image: VESTIBULE_IMAGE,
        command: inside('half-a-request.ts'),
        environment: { ADDRESS: await service.address() },
      });
      await client.says(/^half of it is sent$/m);
      await service.delete();
      const { code, output } = await client.ended();
      expect([code, ...output.trim().split('\n')]).toEqual([
        0,
        'half of it is sent',
        'it is not ready',
        'HTTP/1.1 401 Unauthorized',
      ]);
      expect(await service.exitCode()).toBe(0);
    });

    it('verifies the audit', async () => {
      const { code, output } = await run(['audit', 'verify'], environment);
      expect({ code, output }).toMatchObject({ code: 0 });
    });
  });
});
