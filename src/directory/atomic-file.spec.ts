import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preparePrivateFolder, removeDurably, writeAtomically } from './atomic-file.ts';

describe('an atomic file', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vestibule-atomic-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is for the owner alone', async () => {
    await writeAtomically(join(folder, 'a'), 'text');
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o600);
  });

  it('replaces the old text with the new, and leaves nothing else', async () => {
    await writeAtomically(join(folder, 'a'), 'a long old text');
    await writeAtomically(join(folder, 'a'), 'new');
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('leaves no temporary file when it fails', async () => {
    mkdirSync(join(folder, 'a'));
    await expect(writeAtomically(join(folder, 'a'), 'text')).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('is removed also when it is not there', async () => {
    await expect(removeDurably(join(folder, 'never'))).resolves.toBeUndefined();
  });

  it('gets a private folder made for it', async () => {
    await preparePrivateFolder(join(folder, 'of', 'mine'), Date.now());
    expect(statSync(join(folder, 'of', 'mine')).mode & 0o777).toBe(0o700);
  });
});
