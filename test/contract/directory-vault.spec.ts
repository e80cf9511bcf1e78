import { randomBytes } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { SystemClock } from '../../src/common/clock.ts';
import { SecretString } from '../../src/common/secret-string.ts';
import { ManifestDirectory } from '../../src/directory/manifest-directory.ts';
import { DirectoryVault } from '../../src/vault/directory-vault.ts';
import { aKey } from '../support/manifests.ts';
import { until } from '../support/until.ts';
import { vaultContract, type VaultUnderTest } from './vault.contract.ts';

interface Opened {
  vault: DirectoryVault;
  stop: () => void;
}

async function openVault(path: string): Promise<Opened> {
  const clock = new SystemClock();
  const log = pino({ level: 'silent' });
  const directory = new ManifestDirectory(path, log, clock);
  await directory.start();
  const vault = new DirectoryVault(directory, clock, log);
  await vault.start();
  return {
    vault,
    stop: () => {
      vault.stop();
      directory.stop();
    },
  };
}

const aPath = (): string => mkdtempSync(join(tmpdir(), 'vestibule-vault-'));
const fileOf = (name: string): string => `secret-${name}.yaml`;

function replace(path: string, file: string, text: string): void {
  const temporary = join(path, `.${file}`);
  writeFileSync(temporary, text);
  renameSync(temporary, join(path, file));
}

async function makeAdapter(): Promise<VaultUnderTest> {
  const path = aPath();
  const { vault, stop } = await openVault(path);
  const write = (name: string, fields: Record<string, unknown>): void => {
    replace(
      path,
      fileOf(name),
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...fields }),
    );
  };
  return {
    vault,
    writeOutside: async (name, entries) => {
      const encoded = Object.entries(entries).map(([key, text]) => [
        key,
        Buffer.from(text, 'utf8').toString('base64'),
      ]);
      write(name, { data: Object.fromEntries(encoded) as unknown });
      return Promise.resolve();
    },
    removeOutside: async (name) => {
      rmSync(join(path, fileOf(name)));
      return Promise.resolve();
    },
    corruptOutside: async ({ name, key }) => {
      write(name, { data: { [key]: '%%% not base64 %%%' } });
      return Promise.resolve();
    },
    sourceOf: fileOf,
    close: async () => {
      stop();
      rmSync(path, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

vaultContract('a directory', makeAdapter);

describe('the directory vault', () => {
  let path: string;
  let opened: Opened;
  const ref = { name: 'kept', key: 'apiKey' };

  beforeEach(async () => {
    path = aPath();
    opened = await openVault(path);
  });
  afterEach(() => {
    opened.stop();
    rmSync(path, { recursive: true, force: true });
  });

  const reload = async (): Promise<void> => {
    opened.stop();
    opened = await openVault(path);
  };

  it('writes its files for the owner alone, also where the file was open to others', async () => {
    await opened.vault.put(ref, new SecretString(aKey()));
    const file = join(path, fileOf(ref.name));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(join(path, 'open.yaml'), readFileSync(file, 'utf8').replace('name: kept', 'name: open'), {
      mode: 0o644,
    });
    await opened.vault.put({ ...ref, name: 'open' }, new SecretString(aKey()));
    expect(statSync(join(path, 'open.yaml')).mode & 0o777).toBe(0o600);
  });

  it('holds the same keys after a restart', async () => {
    const secret = new SecretString(aKey());
    await opened.vault.put(ref, secret);
    await reload();
    expect(opened.vault.find(ref)?.fingerprint).toBe(secret.fingerprint());
  });

  it('takes text of stringData, over data, and what editors add around it', () => {
    const [wins, loses] = [aKey(), aKey()];
    replace(
      path,
      'mine.yaml',
      `kind: Secret\nmetadata: {name: mine}\nstringData:\n  apiKey: |\n    ${wins}\ndata: {apiKey: ${Buffer.from(loses).toString('base64')}}\n`,
    );
    return until('it is read', () => opened.vault.find({ ...ref, name: 'mine' })?.reveal() === wins, 1_000);
  });

  it('replaces a key of stringData where it stands', async () => {
    replace(path, 'mine.yaml', `kind: Secret\nmetadata: {name: mine}\nstringData: {apiKey: ${aKey()}}\n`);
    const secret = new SecretString(aKey());
    const mine = { ...ref, name: 'mine' };
    await opened.vault.put(mine, secret);
    await reload();
    expect(opened.vault.find(mine)?.fingerprint).toBe(secret.fingerprint());
    expect(readdirSync(path)).toEqual(['lock', 'mine.yaml']);
  });

  it.each([
    ['data', 'data: nothing\n', '/data'],
    ['stringData', 'stringData: [1]\n', '/stringData'],
    ['a number', 'stringData: {apiKey: 12345678}\n', '/stringData/apiKey'],
    ['bytes that are no text', 'data: {apiKey: //79/P/////=}\n', '/data/apiKey'],
  ])('keeps the last good key when %s is malformed, and names the field', async (_what, fields, field) => {
    const secret = new SecretString(aKey());
    await opened.vault.put(ref, secret);
    replace(path, fileOf(ref.name), `kind: Secret\nmetadata: {name: kept}\n${fields}`);
    await until('it is reported', () => opened.vault.problems().length > 0, 1_000);
    expect(opened.vault.problems()).toEqual([
      { source: fileOf(ref.name), field, message: expect.any(String) as string },
    ]);
    expect(opened.vault.find(ref)?.fingerprint).toBe(secret.fingerprint());
  });

  it('never shows a reader a torn file during 200 rewrites', async () => {
    await opened.vault.put(ref, new SecretString(aKey()));
    const reader = new Worker(READER, { eval: true, workerData: join(path, fileOf(ref.name)) });
    try {
      const reads = new Promise<{ torn: number; versions: number }>((resolve, reject) => {
        reader.on('message', (message: 'ready' | { torn: number; versions: number }) => {
          if (message !== 'ready') resolve(message);
        });
        reader.once('error', reject);
      });
      await new Promise((resolve) => reader.once('message', resolve));
      for (let round = 0; round < 200; round += 1) {
        // Of changing length, so that a file that was overwritten in place would show.
        const secret = new SecretString(aKey() + 'x'.repeat(round));
        await opened.vault.put(ref, secret);
      }
      reader.postMessage('stop');
      const { torn, versions } = await reads;
      expect(torn).toBe(0);
      expect(versions).toBeGreaterThan(20);
    } finally {
      await reader.terminate();
    }
  });

  it('clears away what a killed writer left, and nothing else', async () => {
    const leftover = `.write-${randomBytes(8).toString('hex')}.tmp`;
    const fresh = `.write-${randomBytes(8).toString('hex')}.tmp`;
    for (const name of [leftover, fresh, '.mine.tmp']) writeFileSync(join(path, name), aKey());
    const old = Date.now() / 1000 - 3_600;
    for (const name of [leftover, '.mine.tmp']) utimesSync(join(path, name), old, old);
    await reload();
    expect(readdirSync(path).sort()).toEqual(['.mine.tmp', fresh].sort());
  });

  it('says so when its folder is gone', async () => {
    rmSync(path, { recursive: true });
    await expect(opened.vault.put(ref, new SecretString(aKey()))).rejects.toThrow('could not store');
  });

  it('lets one of two processes win, whole, when both put at once', async () => {
    const other = await openVault(path);
    try {
      const mine = new SecretString(aKey());
      const theirs = new SecretString(aKey());
      const settled = await Promise.allSettled([opened.vault.put(ref, mine), other.vault.put(ref, theirs)]);
      const survivor = await until('both agree', () => {
        const [ours, seen] = [opened.vault.find(ref), other.vault.find(ref)];
        return ours !== undefined && ours.fingerprint === seen?.fingerprint && ours;
      });
      expect([mine.fingerprint(), theirs.fingerprint()]).toContain(survivor.fingerprint);
      expect(settled.map(({ status }) => status)).toContain('fulfilled');
    } finally {
      other.stop();
    }
  });
});

/** Reads the file over and over; a whole one is a Secret with exactly one key. */
const READER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { readFileSync } = require('node:fs');
  const versions = new Set();
  let torn = 0;
  let stopped = false;
  parentPort.on('message', () => { stopped = true; });
  parentPort.postMessage('ready');
  function read() {
    for (let times = 0; times < 50; times += 1) {
      const text = readFileSync(workerData, 'utf8');
      const encoded = /\\n  apiKey: >?-?\\s*([A-Za-z0-9+/=\\s]+)\\n$/.exec(text)?.[1] ?? '';
      const key = Buffer.from(encoded, 'base64').toString('utf8');
      if (!/^sk-test-[0-9a-f]{32}x*$/.test(key)) torn += 1;
      versions.add(key);
    }
    if (stopped) parentPort.postMessage({ torn, versions: versions.size });
    else setImmediate(read);
  }
  read();
`;
