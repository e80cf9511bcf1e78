import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const ANSWER = 'x'.repeat(100);

/** Says what it heard, and has heard what was said to it. */
class Caller {
  heard = '';
  ended: 'no' | 'properly' | 'by a reset' = 'no';
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk) => (this.heard += chunk.toString()));
    this.#socket.on('end', () => (this.ended = 'properly'));
    this.#socket.on('error', () => (this.ended = 'by a reset'));
  }

  ask(): void {
    this.#socket.write('?');
  }

  async isAnswered(times = 1): Promise<void> {
    await until('an answer', () => this.heard.length === times * ANSWER.length);
  }

  leave(): void {
    this.#socket.destroy();
  }
}

describe('a TCP proxy', () => {
  let server: Server;
  let asked: number;
  let proxy: TcpProxy;
  const callers: Caller[] = [];

  beforeEach(async () => {
    asked = 0;
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => {
        asked += 1;
        socket.write(ANSWER);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    proxy = await TcpProxy.start(() => ({ host: '127.0.0.1', port }));
  });
  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.leave();
    await proxy.stop();
    server.close();
  });

  const call = (): Caller => {
    const caller = new Caller(proxy.port);
    callers.push(caller);
    caller.ask();
    return caller;
  };

  it('passes everything on while nothing is imposed, and knows its connections', async () => {
    const caller = call();
    await caller.isAnswered();
    caller.ask();
    await caller.isAnswered(2);
    expect(proxy.connections).toBe(1);
    caller.leave();
    await until('it is gone', () => proxy.connections === 0);
  });

  it('is slow for as long as that is imposed', async () => {
    const lift = proxy.impose({ kind: 'latency', ms: 300 });
    const began = performance.now();
    const caller = call();
    await caller.isAnswered();
    expect(performance.now() - began).toBeGreaterThan(590);
    lift();
    const later = performance.now();
    caller.ask();
    await caller.isAnswered(2);
    expect(performance.now() - later).toBeLessThan(300);
  });

  it('refuses, and breaks what there is', async () => {
    const before = call();
    await before.isAnswered();
    const lift = proxy.impose({ kind: 'refuse' });
    const during = call();
    await until('both are broken', () => [before, during].every(({ ended }) => ended === 'by a reset'));
    lift();
    await call().isAnswered();
  });

  it('goes on after a silence with what was said in it', async () => {
    const lift = proxy.impose({ kind: 'silence' });
    const caller = call();
    await until('it is connected', () => proxy.connections === 1);
    expect(asked).toBe(0);
    lift();
    await caller.isAnswered();
  });

  it('lets questions through when it is deaf, and their answers afterwards', async () => {
    const lift = proxy.impose({ kind: 'deaf' });
    const caller = call();
    await until('the server was asked', () => asked === 1);
    expect(caller.heard).toBe('');
    lift();
    await caller.isAnswered();
  });

  it('cuts an answer off in its middle', async () => {
    const lift = proxy.impose({ kind: 'cut', bytes: 10 });
    const caller = call();
    await until('it is broken', () => caller.ended === 'by a reset');
    expect(caller.heard.length).toBeLessThanOrEqual(10);
    expect(asked).toBe(1);
    lift();
    await call().isAnswered();
  });

  it('forgets connections for good, and not the new ones', async () => {
    const forgotten = call();
    await forgotten.isAnswered();
    proxy.forget();
    forgotten.ask();
    await call().isAnswered();
    expect(asked).toBe(2);
    expect([forgotten.heard.length, forgotten.ended]).toEqual([ANSWER.length, 'no']);
  });
});
