import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileHandle } from 'node:fs/promises';

const LIMIT_BYTES = 10 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;
const TAIL_LINES = 20;

export function logPath(state: string): string {
  return join(state, 'postgres.log');
}

/** Appended to by the server itself; bounded here, each time a server starts. */
export async function openLog(state: string): Promise<{ file: FileHandle; offset: number }> {
  const file = await open(logPath(state), 'a', 0o600);
  const { size } = await file.stat();
  if (size <= LIMIT_BYTES) {
    return { file, offset: size };
  }
  await file.truncate(0);
  return { file, offset: 0 };
}

/** The end of the log; nothing that was written before the offset. */
export async function logTail(state: string, offset = 0): Promise<string> {
  const { size } = await stat(logPath(state));
  const start = Math.max(offset, size - TAIL_BYTES);
  const file = await open(logPath(state), 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
    return lastLines(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}

export function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}
