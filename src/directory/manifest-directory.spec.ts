import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { until } from '../../test/support/until.ts';
import { SystemClock } from '../common/clock.ts';
import { ManifestDirectory } from './manifest-directory.ts';

describe('the manifest directory', () => {
  let path: string;
  let directory: ManifestDirectory;

  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), 'vestibule-manifests-'));
    directory = new ManifestDirectory(path, pino({ level: 'silent' }), new SystemClock());
    await directory.start();
  });
  afterEach(() => {
    directory.stop();
    rmSync(path, { recursive: true, force: true });
  });

  const write = (file: string, ...names: string[]): void => {
    const documents = names.map((name) => ({ kind: 'Project', metadata: { name }, spec: { from: file } }));
    writeFileSync(join(path, `.${file}`), JSON.stringify(documents));
    renameSync(join(path, `.${file}`), join(path, file));
  };
  const names = (): string[] => directory.list('Project').map(({ name }) => name);
  const sources = (): string[] => directory.list('Project').map(({ source }) => source);

  it('reads manifests directly in it, and nothing hidden, below it or of another kind of file', async () => {
    write('a.json', 'one');
    write('.hidden.json', 'hidden');
    write('a.json.bak', 'backup');
    mkdirSync(join(path, 'below'));
    writeFileSync(join(path, 'below', 'a.json'), '{"kind":"Project","metadata":{"name":"below"}}');
    mkdirSync(join(path, 'folder.json'));
    await directory.refresh();
    expect(names()).toEqual(['one']);
    expect(directory.problems()).toEqual([]);
  });

  it('follows the links of a mounted volume, and their swap', async () => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(path, version));
      writeFileSync(join(path, version, 'a.json'), `{"kind":"Project","metadata":{"name":"of-${version}"}}`);
    }
    symlinkSync('v1', join(path, '..data'));
    symlinkSync('..data/a.json', join(path, 'a.json'));
    await until('it is read', () => names()[0] === 'of-v1', 1_000);
    symlinkSync('v2', join(path, '..data_tmp'));
    renameSync(join(path, '..data_tmp'), join(path, '..data'));
    await until('the swap is seen', () => names()[0] === 'of-v2', 1_000);
  });

  it('keeps what a file held while it cannot be parsed, and lets it go with the file', async () => {
    write('a.json', 'one', 'two');
    await directory.refresh();
    writeFileSync(join(path, 'a.json'), '[{');
    await directory.refresh();
    expect(names()).toEqual(['one', 'two']);
    expect(directory.problems()).toEqual([{ source: 'a.json', field: '/', message: 'is not valid JSON' }]);
    rmSync(join(path, 'a.json'));
    await directory.refresh();
    expect([names(), directory.problems()]).toEqual([[], []]);
  });

  it('does not read a file that is too large', async () => {
    writeFileSync(join(path, 'a.yaml'), `# ${'x'.repeat(1024 * 1024)}\nkind: Project\n`);
    await directory.refresh();
    expect(directory.problems()).toEqual([
      { source: 'a.yaml', field: '/', message: expect.stringContaining('larger than') as string },
    ]);
  });

  it('gives a name that two files claim to the older file, also once that one was edited', async () => {
    write('b.json', 'mine');
    await directory.refresh();
    await until('the file system’s clock moved on', async () => {
      rmSync(join(path, 'a.json'), { force: true });
      await directory.refresh();
      write('a.json', 'mine');
      await directory.refresh();
      return directory.problems()[0]?.source === 'a.json';
    });
    expect(sources()).toEqual(['b.json']);
    expect(directory.problems()).toEqual([
      { source: 'a.json', field: '/metadata/name', message: 'repeats the Project of b.json' },
    ]);
    await directory.apply({ kind: 'Project', name: 'mine' }, [{ path: ['spec', 'edited'], value: true }], {});
    expect(directory.list('Project')).toMatchObject([
      { source: 'b.json', document: { spec: { from: 'b.json', edited: true } } },
    ]);
    write('b.json', 'mine');
    await directory.refresh();
    expect(sources()).toEqual(['b.json']);
  });

  it('does not take over a file that has a new manifest’s name', async () => {
    writeFileSync(join(path, 'project-mine.yaml'), '# mine\n');
    await expect(directory.apply({ kind: 'Project', name: 'mine' }, [], {})).rejects.toThrow('exists');
  });
});
