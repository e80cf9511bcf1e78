import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Settings } from '../../config/load-settings.ts';
import { codeOf } from '../describe.ts';
import { type Found, failure, ok, warning } from '../finding.ts';

/** Whether the second place for audit rows could take them. */
export async function checkAuditFile(path: string, { auditFileRequired }: Settings): Promise<Found[]> {
  const problem = await writable(path);
  if (problem === undefined) return [ok('the audit file can be written')];
  const message = `VESTIBULE_AUDIT_FILE ${path} cannot be written: ${problem}`;
  const fix = 'make its folder, or give the account of the service the right to write there';
  return [
    auditFileRequired === 'on' ? failure(`${message}: no session is opened`, fix) : warning(message, fix),
  ];
}

/** One that is not there yet is made by `serve`. */
async function writable(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.W_OK).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      return access(dirname(path), constants.W_OK | constants.X_OK);
    });
    return undefined;
  } catch (error) {
    return codeOf(error) ?? 'unknown';
  }
}
