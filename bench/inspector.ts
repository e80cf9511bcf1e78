import { readFileSync } from 'node:fs';

const TIMEOUT_MS = 10_000;
const BYTES_A_MB = 1024 * 1024;

/**
 * Where the inspector of a process listens, by what it wrote to its log. The service starts itself over once, so the
 * last address is the one.
 */
export function inspectorUrl(logFile: string): string {
  const urls = readFileSync(logFile, 'utf8').match(/ws:\/\/127\.0\.0\.1:\S+/g);
  const url = urls?.at(-1);
  if (url === undefined) throw new Error('the process has no inspector');
  return url;
}

/** What a process holds in its heap once its garbage is collected. */
export async function liveHeapMb(url: string): Promise<number> {
  const socket = new WebSocket(url);
  try {
    await eventOf(socket, 'open');
    // what only a finalizer lets go of is gone after the second
    await ask(socket, 'HeapProfiler.collectGarbage');
    await ask(socket, 'HeapProfiler.collectGarbage');
    const { usedSize } = await ask(socket, 'Runtime.getHeapUsage');
    if (typeof usedSize !== 'number') throw new Error('the inspector does not tell the heap’s size');
    return usedSize / BYTES_A_MB;
  } finally {
    socket.close();
  }
}

/** One question at a time: the next message is its answer. */
async function ask(socket: WebSocket, method: string): Promise<Record<string, unknown>> {
  const answered = eventOf(socket, 'message');
  socket.send(JSON.stringify({ id: 1, method }));
  const message = (await answered) as MessageEvent;
  return (JSON.parse(String(message.data)) as { result?: Record<string, unknown> }).result ?? {};
}

function eventOf(socket: WebSocket, name: 'open' | 'message'): Promise<Event> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      reject(new Error(`the inspector did not answer (${name})`));
    };
    const timer = setTimeout(fail, TIMEOUT_MS);
    socket.addEventListener('error', fail, { once: true });
    socket.addEventListener(
      name,
      (event) => {
        clearTimeout(timer);
        resolve(event);
      },
      { once: true },
    );
  });
}
