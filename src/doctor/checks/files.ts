import { access, constants, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../config/load-settings.ts';
import { MANIFEST_FILE } from '../../directory/manifest-file.ts';
import { codeOf } from '../describe.ts';
import { type Found, failure, findingEach, ok, Skipped, warning } from '../finding.ts';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
/** Made by `serve` outside production. */
const SECRETS = 'secrets';

/** The folder of manifests and keys: there, usable, and closed to others. */
export async function checkFiles({
  directory,
  vault,
}: Pick<Settings, 'directory' | 'vault'>): Promise<Found[]> {
  if (vault === 'kubernetes') throw new Skipped('VESTIBULE_VAULT is kubernetes: keys are in no folder');
  const folder = await stat(directory).catch((error: unknown) => codeOf(error) ?? 'unreadable');
  if (typeof folder === 'string') return [notThere(directory, folder)];
  if (!folder.isDirectory()) {
    return [failure(`VESTIBULE_DIR ${directory} is not a folder`, 'name the folder of the manifests')];
  }
  const found = await usable(directory);
  if ((folder.mode & OTHERS_WRITE) !== 0) {
    found.push(
      failure(
        `others may write to ${directory}, and so send keys where they like`,
        `chmod go-w ${directory}`,
      ),
    );
  }
  if (found.some(({ status }) => status === 'error')) return found;
  const open = [
    ...(await openFiles(directory, MANIFEST_FILE)),
    ...(await openFiles(join(directory, SECRETS), /./)),
  ];
  found.push(
    ...findingEach(open, ({ path, mode }) =>
      failure(`${path} is open to others (mode ${mode}): it may hold a key`, `chmod 600 ${path}`),
    ),
  );
  return found.length > 0
    ? found
    : [ok(`${directory} can be read and written, and its files by nobody else`)];
}

function notThere(directory: string, code: string): Found {
  return code === 'ENOENT'
    ? warning(`VESTIBULE_DIR ${directory} does not exist`, 'make it, or start `serve`, which makes it empty')
    : failure(`VESTIBULE_DIR ${directory} cannot be looked at: ${code}`, 'run as the user that serves');
}

async function usable(directory: string): Promise<Found[]> {
  const may = (mode: number): Promise<boolean> =>
    access(directory, mode).then(
      () => true,
      () => false,
    );
  if (!(await may(constants.R_OK | constants.X_OK))) {
    return [failure(`${directory} cannot be read`, 'let the user that serves read and enter it')];
  }
  return (await may(constants.W_OK))
    ? []
    : [
        warning(
          `${directory} cannot be written: keys can be used, and neither deposited nor rotated`,
          'let the user that serves write to it',
        ),
      ];
}

async function openFiles(folder: string, name: RegExp): Promise<{ path: string; mode: string }[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names
      .filter((one) => name.test(one))
      .sort()
      .map(async (one) => {
        const path = join(folder, one);
        return { path, stats: await stat(path).catch(() => undefined) };
      }),
  );
  return found.flatMap(({ path, stats }) =>
    stats?.isFile() === true && (stats.mode & OTHERS) !== 0
      ? [{ path, mode: (stats.mode & 0o777).toString(8).padStart(4, '0') }]
      : [],
  );
}
