import { connect, type Socket } from 'node:net';
import { ask, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const IDLE = 5_000;
const SLOW = 500;
/** Opened one after the other. */
const SESSIONS = 60;
const MIB = 1024 * 1024;

const HEALTH = 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
const SESSION_HEAD =
  'POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n';

/** Connections to hold open, and the end of each. */
class Crowd {
  readonly #url: URL;
  readonly sockets: Socket[] = [];
  answered = 0;
  closed = 0;

  constructor(url: string) {
    this.#url = new URL(url);
  }

  join(count: number, text: string): void {
    for (let index = 0; index < count; index += 1) {
      const socket = connect({ host: this.#url.hostname, port: Number(this.#url.port) });
      socket
        .once('connect', () => socket.write(text))
        .once('data', () => (this.answered += 1))
        .on('error', () => undefined)
        .once('close', () => (this.closed += 1));
      this.sockets.push(socket);
    }
  }

  leave(): void {
    for (const socket of this.sockets.splice(0)) socket.destroy();
  }
}

describe('a service with many connections that do nothing', () => {
  let stack: Stack;
  let usualMs: number;

  beforeAll(async () => {
    stack = await startStack({
      environment: { LOG_LEVEL: 'info' },
      project: { session: { maxConcurrent: 10_000 } },
    });
    await sessionMs();
    usualMs = await sessionMs();
  });
  afterAll(async () => {
    await stack.stop();
  });

  /** The median time of opening a session; fails unless each is opened. */
  const sessionMs = async (): Promise<number> => {
    const times: number[] = [];
    for (let index = 0; index < SESSIONS; index += 1) {
      const started = performance.now();
      const { status } = await stack.request('/session', { body: { project_id: PROJECT } });
      times.push(performance.now() - started);
      expect(status).toBe(200);
    }
    times.sort((a, b) => a - b);
    return times[SESSIONS / 2] ?? 0;
  };
  const gauge = async (name: string): Promise<number> => {
    const { text } = await ask(`${stack.opsUrl}/metrics`);
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  const residentMib = async (): Promise<number> => (await gauge('process_resident_memory_bytes')) / MIB;
  const expectUsualPace = async (): Promise<void> => {
    expect(await sessionMs()).toBeLessThan(3 * usualMs + 20);
  };

  it(`opens sessions as ever with ${IDLE} idle connections, again and again in the same memory`, async () => {
    const resident: number[] = [await residentMib()];
    for (let round = 1; round <= 3; round += 1) {
      const crowd = new Crowd(stack.url);
      crowd.join(IDLE, HEALTH);
      await until('each has had an answer', () => crowd.answered === IDLE, 20_000);
      await expectUsualPace();
      expect(crowd.closed).toBe(0);
      resident.push(await residentMib());
      crowd.leave();
      await until('they are gone', async () => (await gauge('process_open_fds')) < 200);
    }
    const [before = 0, first = 0, second = 0, last = 0] = resident;
    process.stdout.write(
      `resident MiB before and with ${IDLE} idle connections: ${resident.map(Math.round).join(', ')}\n`,
    );
    expect(first - before).toBeLessThan(200);
    // After the second the heap has its size.
    expect(last - second).toBeLessThan(40);
  }, 60_000);

  it('opens sessions as ever beside headers and bodies that never end, and readers that never read', async () => {
    const slow = new Crowd(stack.url);
    slow.join(SLOW, 'POST /session HTTP/1.1\r\nX-Slow: ');
    slow.join(SLOW, `${SESSION_HEAD}{"project_id":`);
    const trickle = setInterval(() => {
      for (const socket of slow.sockets) socket.write('a');
    }, 1_000);
    const readers = new Crowd(stack.url);
    readers.join(SLOW, 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(20));
    await until('they are all there', () => readers.answered === SLOW, 30_000);
    for (const socket of readers.sockets) socket.pause();
    await expectUsualPace();
    expect((await stack.request('/health')).status).toBe(200);
    await until('the slow ones are cut off', () => slow.closed === 2 * SLOW, 20_000);
    clearInterval(trickle);
    await expectUsualPace();
    expect(await residentMib()).toBeLessThan(600);
    readers.leave();
  }, 60_000);
});
