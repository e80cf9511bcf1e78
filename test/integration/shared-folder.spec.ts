import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { aKey, aProject, aSecret } from '../support/manifests.ts';
import { type Answer, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const PROCESSES = 4;
const PROJECTS = 6;
const ROUNDS = 8;
const FILE = 'all.yaml';
/** Longer than a write waits for its turn, with room for a slow machine. */
const WAIT_MS = 5_000;
const SLOW_MS = 3_000;

const LOCK = pathToFileURL(join(process.cwd(), 'src/common/folder-lock.ts')).href;
/** Takes the lock, says so, and keeps it until it is killed. */
const HOLDER = `
  import { withFolderLock } from '${LOCK}';
  await withFolderLock(process.argv[1], AbortSignal.timeout(10_000), async () => {
    console.log('held');
    await new Promise((resolve) => process.stdin.once('end', resolve).resume());
  });
`;

interface Document {
  kind: string;
  metadata: { name: string };
  spec: { suspended?: boolean };
  data: { apiKey: string };
}

describe('several processes on one file of many manifests', () => {
  let stack: Stack;
  const ids = Array.from({ length: PROJECTS }, (_, index) => `proj_${index}`);
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    stack = await startStack({ processes: PROCESSES });
    const documents = ids.flatMap((id) => [aProject(stack.simulator.url, id), aSecret(id, aKey())]);
    const text = documents.map((document) => JSON.stringify(document)).join('\n---\n');
    writeFileSync(join(stack.directory, FILE), text, { mode: 0o600 });
    for (const { url } of stack.services) {
      await until('every project is known everywhere', async () => {
        const { json } = await stack.admin('/projects', { base: url });
        return json.projects.length === PROJECTS + 1;
      });
    }
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stack.stop();
  });

  const rotate = (id: string, key: string, process = 0): Promise<Answer> =>
    stack.admin('/projects/key/rotate', {
      base: stack.services[process % PROCESSES]!.url,
      body: { project_id: id, openai_key: key },
    });
  const suspend = (id: string, suspended: boolean, process = 0): Promise<Answer> =>
    stack.admin(`/projects/${id}`, {
      method: 'PATCH',
      base: stack.services[process % PROCESSES]!.url,
      body: { suspended },
    });
  const documents = (): Document[] =>
    parseAllDocuments(readFileSync(join(stack.directory, FILE), 'utf8')).map(
      (document) => document.toJS() as Document,
    );
  const keyOf = (id: string): string => {
    const name = `${id.replace('_', '-')}-key`;
    const found = documents().find(({ kind, metadata }) => kind === 'Secret' && metadata.name === name);
    return Buffer.from(found!.data.apiKey, 'base64').toString();
  };
  const isSuspended = (id: string): boolean | undefined =>
    documents().find(({ kind, metadata }) => kind === 'Project' && metadata.name === id.replace('_', '-'))!
      .spec.suspended;
  /** Another program that holds the folder's lock. */
  const hold = async (): Promise<ChildProcess> => {
    const folder = join(stack.directory, 'lock');
    const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    children.push(child);
    await once(child.stdout, 'data');
    return child;
  };

  it('loses no update', async () => {
    const last = new Map<string, string>();
    const statuses: number[] = [];
    const rotations = ids.map(async (id, index) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const key = aKey();
        statuses.push((await rotate(id, key, index + round)).status);
        last.set(id, key);
        expect(keyOf(id)).toBe(key);
      }
    });
    const suspensions = ids.map(async (id, index) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        statuses.push((await suspend(id, round % 2 === 0, index + round + 1)).status);
        expect(isSuspended(id)).toBe(round % 2 === 0);
      }
    });
    await Promise.all([...rotations, ...suspensions]);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(ids.map((id) => keyOf(id))).toEqual(ids.map((id) => last.get(id)));
    expect(ids.map((id) => isSuspended(id))).toEqual(ids.map(() => false));
    expect(documents()).toHaveLength(2 * PROJECTS);
  });

  it('leaves a lock that only its owner can read', () => {
    const folder = join(stack.directory, 'lock');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const modes = readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o600]);
  });

  it('refuses a write in time while another process holds on, and reads all the same', async () => {
    const holder = await hold();
    const before = readFileSync(join(stack.directory, FILE), 'utf8');
    const started = performance.now();
    const waiting = [...ids, ...ids].map((id, index) => rotate(id, aKey(), index));
    const fresh = aProject(stack.simulator.url, 'proj_fresh');
    writeFileSync(join(stack.directory, 'fresh.json'), JSON.stringify(fresh), { mode: 0o600 });
    await until(
      'a scan sees the new file',
      async () => {
        const { json } = await stack.admin('/projects');
        return json.projects.some(
          (project: Record<string, unknown>) => project['project_id'] === 'proj_fresh',
        );
      },
      1_500,
    );
    const answers = await Promise.all(waiting);
    expect(performance.now() - started).toBeGreaterThan(WAIT_MS - 100);
    expect(performance.now() - started).toBeLessThan(WAIT_MS + SLOW_MS);
    for (const { status, json, headers } of answers) {
      expect([status, json.error, headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
    }
    expect(readFileSync(join(stack.directory, FILE), 'utf8')).toBe(before);
    holder.stdin!.end();
    await once(holder, 'exit');
    expect((await rotate(ids[0]!, aKey())).status).toBe(200);
  });

  it('takes over from a holder that was killed', async () => {
    for (let round = 0; round < 3; round += 1) {
      const holder = await hold();
      const key = aKey();
      const waiting = rotate(ids[0]!, key, round);
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      expect((await waiting).status).toBe(200);
      expect(keyOf(ids[0]!)).toBe(key);
    }
  });

  it('goes on when services are killed while they write', async () => {
    for (let round = 0; round < 3; round += 1) {
      const victim = await stack.addService();
      const doomed = ids.map((id) =>
        stack
          .admin('/projects/key/rotate', { base: victim.url, body: { project_id: id, openai_key: aKey() } })
          .catch(() => undefined),
      );
      await Promise.race(doomed);
      victim.kill('SIGKILL');
      await victim.exited;
      await Promise.all(doomed);
      const key = aKey();
      expect((await rotate(ids[round]!, key, round)).status).toBe(200);
      expect(keyOf(ids[round]!)).toBe(key);
      expect(documents()).toHaveLength(2 * PROJECTS);
    }
  });
});
