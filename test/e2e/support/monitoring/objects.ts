import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const TIMEOUT_MS = 60_000;

/** `kubectl apply` of objects that are made here. */
export async function applied(namespace: string, items: readonly Record<string, unknown>[]): Promise<void> {
  const running = promisify(execFile)('kubectl', ['-n', namespace, 'apply', '-f', '-'], {
    timeout: TIMEOUT_MS,
  });
  running.child.stdin?.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  await running;
}
