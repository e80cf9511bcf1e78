import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  constants,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aClient } from '../support/manifests.ts';
import { parseMetrics } from '../support/metrics-text.ts';
import { runProgram, type ServiceProcess } from '../support/service-process.ts';
import { isReady } from '../support/services.ts';
import { slotsTaken } from '../support/session-records.ts';
import { type Answer, ask, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

/** An audited effect of its own: each leaves one row. */
const TOKEN = '/clients/plain/token';
const NOTICED_MS = 5_000;

describe('the audit file', () => {
  let stack: Stack;
  let folder: string;
  let path: string;
  let service: ServiceProcess;

  beforeAll(async () => {
    stack = await startStack({ manifests: () => [aClient('plain', PROJECT)] });
  });
  afterAll(() => stack.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vestibule-audit-file-'));
    path = join(folder, 'audit.jsonl');
  });
  afterEach(async () => {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (required: 'on' | 'off', file = path): Promise<void> => {
    service = await stack.addService({
      VESTIBULE_AUDIT_FILE: file,
      VESTIBULE_AUDIT_FILE_REQUIRED: required,
    });
  };
  const ready = (): Promise<unknown> => until('it is ready', () => isReady(service));
  const token = async (): Promise<number> =>
    (await stack.admin(TOKEN, { base: service.url, body: { ttl_seconds: 60 } })).status;
  const open = (): Promise<Answer> =>
    stack.request('/session', {
      base: service.url,
      body: { project_id: PROJECT },
    });
  const expectRefused = ({ status, json, headers }: Answer): void => {
    expect([status, json.error, headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
  };
  const mints = (): number => stack.simulator.seen().log.length;
  const rows = async (): Promise<number> => (await stack.database.query('SELECT FROM audit_events')).length;
  const lines = (file = path): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const readiness = async (): Promise<string> => (await ask(`${service.opsUrl}/readyz`)).text;
  const noticed = (problem: RegExp): Promise<unknown> =>
    until('it is not ready', async () => problem.test(await readiness()), NOTICED_MS);
  const figure = async (name: string): Promise<number | undefined> => {
    const { text } = await ask(`${service.opsUrl}/metrics`);
    return parseMetrics(text).samples.find((sample) => sample.name === name)?.value;
  };

  it('has each row before its effect, as an export tells it', async () => {
    await start('on');
    await ready();
    expect(await Promise.all(Array.from({ length: 20 }, token))).toEqual(Array<number>(20).fill(200));
    const written = lines();
    expect(written).toHaveLength(20);
    service.kill('SIGKILL');
    await service.exited;
    const exported = (await runProgram(['audit', 'export'], stack.environment)).stdout.split('\n');
    expect(exported.filter((line) => written.includes(line))).toEqual(written);
  });

  it('begins a line of its own after half a line that a crash left', async () => {
    appendFileSync(path, '{"chain":"chn_');
    await start('on');
    await ready();
    expect(await token()).toBe(200);
    expect(lines()).toEqual(['{"chain":"chn_', expect.stringMatching(/^\{"chain":".*"\}$/)]);
  });

  it('goes on under its name after it was renamed, and refuses nobody', async () => {
    await start('on');
    await ready();
    expect(await token()).toBe(200);
    renameSync(path, `${path}.1`);
    expect(await token()).toBe(200);
    expect([lines(`${path}.1`).length, lines().length]).toEqual([1, 1]);
    expect(await figure('audit_file_failures_total')).toBe(0);
  });

  describe('where it is required', () => {
    it('makes the process not ready when it is removed, without any traffic, and is made again', async () => {
      await start('on');
      await ready();
      rmSync(path);
      await noticed(/^the audit file cannot be written: the file was removed\n$/);
      expect(await token()).toBe(503);
      await ready();
      expect(await token()).toBe(200);
      expect(lines().length).toBeGreaterThan(0);
    });

    it('makes the process not ready while its folder is not there', async () => {
      await start('on', join(folder, 'sub', 'audit.jsonl'));
      await noticed(/ENOENT/);
      expect(await token()).toBe(503);
      mkdirSync(join(folder, 'sub'));
      await ready();
      expect(await token()).toBe(200);
      rmSync(join(folder, 'sub'), { recursive: true });
      await noticed(/removed|ENOENT/);
    });

    it('refuses what it would record when the disk is full, and tells no more than once', async () => {
      await start('on', '/dev/full');
      await ready();
      expect(await token()).toBe(503);
      expect(await readiness()).toBe('the audit file cannot be written: ENOSPC\n');
      expect(await token()).toBe(503);
      await until('it tried again', async () => ((await figure('audit_file_failures_total')) ?? 0) > 1);
      const told = service.output.filter((line) => line.includes('does not take rows'));
      expect(told).toHaveLength(1);
      expect(JSON.parse(told[0]!)).toMatchObject({
        level: 'error',
        required: true,
      });
    });

    it('opens a session only once its rows are in the file', async () => {
      await start('on');
      await ready();
      const { status, json } = await open();
      expect(status).toBe(200);
      const written = lines().map((line) => JSON.parse(line) as { event: string; session_id: string });
      expect(written.map(({ event }) => event)).toEqual(['vault_key_loaded', 'session_created']);
      expect(new Set(written.map(({ session_id: id }) => id))).toEqual(new Set([json.session_id]));
    });

    it('opens no session when the disk is full: the key is not used, and no slot stays taken', async () => {
      await start('on', '/dev/full');
      await ready();
      const [minted, taken] = [mints(), await slotsTaken(stack.database)];
      expectRefused(await open());
      expect(mints()).toBe(minted);
      await until('the slot is free', async () => (await slotsTaken(stack.database)) === taken);
    });

    it('takes a session back when the file fails while the provider is asked', async () => {
      await start('on');
      await ready();
      const taken = await slotsTaken(stack.database);
      // Less than the file takes to be made anew, and enough for a busy machine to see that the slot is taken.
      stack.simulator.fault({ kind: 'latency', ms: 1_200 });
      const opening = open();
      await until('the slot is taken', async () => (await slotsTaken(stack.database)) === taken + 1);
      stack.simulator.clearFaults();
      rmSync(path);
      expectRefused(await opening);
      await until('the slot is free', async () => (await slotsTaken(stack.database)) === taken);
    });

    it('reserves nothing for sessions while the file is known to refuse rows', async () => {
      await start('on', join(folder, 'sub', 'audit.jsonl'));
      await noticed(/ENOENT/);
      const before = [mints(), await rows()];
      for (const answer of await Promise.all([open(), open(), open()])) expectRefused(answer);
      expect([mints(), await rows()]).toEqual(before);
      mkdirSync(join(folder, 'sub'));
      await ready();
      expect((await open()).status).toBe(200);
    });

    it('refuses in time what nobody reads, and takes it all once somebody does', async () => {
      execFileSync('mkfifo', [path]);
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        await start('on');
        await ready();
        const started = performance.now();
        const statuses = await Promise.all(Array.from({ length: 300 }, token));
        expect(performance.now() - started).toBeLessThan(NOTICED_MS + 3_000);
        expect(new Set(statuses)).toEqual(new Set([200, 503]));
        await noticed(/^the audit file/);
        const drained = setInterval(drain, 10, reader);
        await ready();
        expect(await token()).toBe(200);
        clearInterval(drained);
      } finally {
        closeSync(reader);
      }
    });
  });

  describe('where it is not required', () => {
    it.each([
      ['is full', () => '/dev/full'],
      ['cannot be made', () => join(folder, 'sub', 'audit.jsonl')],
    ])('fails nobody when it %s, and is counted', async (_what, file) => {
      await start('off', file());
      await ready();
      expect(await Promise.all(Array.from({ length: 5 }, token))).toEqual(Array<number>(5).fill(200));
      await until('it is counted', async () => ((await figure('audit_file_failures_total')) ?? 0) > 0);
      expect(await figure('audit_file_up')).toBe(0);
      expect(await readiness()).toBe('ok\n');
    });

    it('has the rows all the same', async () => {
      await start('off');
      await ready();
      expect(await token()).toBe(200);
      await until('the row is there', () => existsSync(path) && lines().length === 1);
      expect(await figure('audit_file_up')).toBe(1);
    });
  });
});

function drain(reader: number): void {
  const buffer = Buffer.alloc(65_536);
  try {
    while (readSync(reader, buffer) > 0);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EAGAIN') throw error;
  }
}
