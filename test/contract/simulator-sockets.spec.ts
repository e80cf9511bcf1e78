import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';

import WebSocket from 'ws';

import { startSimulator } from '../simulator/simulator.ts';
import type { Simulator } from '../simulator/simulator.ts';
import { aKey } from '../support/manifests.ts';
import { mintSecret } from '../support/provider-secrets.ts';
import { eventProblems } from '../support/sdk-types.ts';
import { open as rawOpen } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

type Json = Record<string, unknown>;
type Received = Json & { type: string };

const KEY = aKey();

/** What a client that is connected by a WebSocket was told. */
class SocketCaller {
  readonly socket: WebSocket;
  readonly received: Received[] = [];

  constructor(url: string, protocols: string[], headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, protocols, { headers });
    this.socket.on('message', (data: Buffer) => this.received.push(JSON.parse(data.toString()) as Received));
    this.socket.on('error', () => undefined);
  }

  say(event: Json): void {
    this.socket.send(JSON.stringify(event));
  }

  async heard(type: string): Promise<Received> {
    return until(`${type} is heard`, () => this.received.find((event) => event.type === type));
  }

  /** The status of a refusal, or 101. */
  async status(): Promise<number> {
    const opened = once(this.socket, 'open').then(() => 101);
    const refused = once(this.socket, 'unexpected-response').then(
      ([, response]) => (response as { statusCode: number }).statusCode,
    );
    return Promise.race([opened, refused]);
  }
}

describe('sessions of the provider simulator that are opened by a WebSocket', () => {
  let simulator: Simulator;
  const callers: SocketCaller[] = [];

  beforeAll(async () => {
    simulator = await startSimulator({ calls: { open: 2, messages: 5 } });
  });
  afterAll(() => simulator.close());
  afterEach(async () => {
    for (const { socket } of callers.splice(0)) socket.terminate();
    simulator.clearFaults();
    await simulator.hangUpAll();
    simulator.reset();
  });

  const secretOf = (session: Json = {}): Promise<string> =>
    mintSecret(simulator, KEY, { model: 'gpt-realtime', ...session });
  const call = (protocols: string[], headers?: Record<string, string>): SocketCaller => {
    const url = `${simulator.url.replace('http', 'ws')}/realtime?model=gpt-realtime`;
    const caller = new SocketCaller(url, protocols, headers);
    callers.push(caller);
    return caller;
  };
  const asPage = (secret: string): SocketCaller => call(['realtime', `openai-insecure-api-key.${secret}`]);
  const open = (): number => simulator.seen().calls.open;

  it('begins with the session of the secret, named by a header or, as a page does, by a protocol', async () => {
    const secret = await secretOf({ instructions: 'Be brief.' });
    const [page, server] = [asPage(secret), call([], { authorization: `Bearer ${secret}` })];
    for (const caller of [page, server]) {
      expect((await caller.heard('session.created'))['session']).toMatchObject({
        model: 'gpt-realtime',
        instructions: 'Be brief.',
      });
    }
    expect([page.socket.protocol, server.socket.protocol]).toEqual(['realtime', '']);
    expect(simulator.seen()).toMatchObject({ calls: { made: 2, open: 2 }, in_flight: 0 });
    expect(simulator.seen().log.map(({ path, status }) => [path, status])).toEqual([
      ['/v1/realtime/client_secrets', 200],
      ['/v1/realtime', 101],
      ['/v1/realtime', 101],
    ]);
  });

  it('says what it speaks in events, with its audio, as the provider’s SDK types them', async () => {
    const caller = asPage(await secretOf());
    await caller.heard('session.created');
    caller.say({ type: 'response.create' });
    const done = await caller.heard('response.done');
    expect(done['response']).toMatchObject({ status: 'completed' });
    const types = caller.received.map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('output_audio_buffer'))).toEqual([]);
    const audio = caller.received.filter(({ type }) => type === 'response.output_audio.delta');
    const words = caller.received.filter(({ type }) => type === 'response.output_audio_transcript.delta');
    expect(audio.length).toBe(words.length);
    // 40 ms of 16 bits at 24 kHz
    expect(audio.map(({ delta }) => Buffer.from(String(delta), 'base64').length)).toEqual(
      audio.map(() => 1_920),
    );
    const spoken = caller.received.filter(({ type }) => !type.startsWith('session.'));
    expect(eventProblems(spoken)).toEqual([]);
  });

  it.each(['audio/pcmu', 'audio/pcma'])('is silent in %s when that is asked for', async (type) => {
    const caller = asPage(await secretOf({ audio: { output: { format: { type } } } }));
    await caller.heard('session.created');
    caller.say({ type: 'response.create' });
    const { delta } = await caller.heard('response.output_audio.delta');
    expect(Buffer.from(String(delta), 'base64').length).toBe(320);
  });

  it('refuses what is no good secret, and a key', async () => {
    const statuses = [
      await call(['realtime']).status(),
      await asPage('ek_unknown').status(),
      await call([], { authorization: `Bearer ${KEY}` }).status(),
    ];
    expect(statuses).toEqual([401, 401, 401]);
    expect(open()).toBe(0);
  });

  it('refuses the beta’s header, and who does not ask for a WebSocket', async () => {
    const secret = await secretOf();
    const beta = { authorization: `Bearer ${secret}`, 'openai-beta': 'realtime=v1' };
    expect(await call([], beta).status()).toBe(400);
    const plain = await fetch(`${simulator.url}/realtime`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect([plain.status, plain.headers.get('upgrade')]).toEqual([426, 'websocket']);
  });

  it('answers a handshake that is none, and holds no place for it', async () => {
    const secret = await secretOf();
    const { socket } = await rawOpen(simulator.url);
    const answer = once(socket, 'data');
    socket.write(
      [
        'GET /v1/realtime HTTP/1.1',
        'host: 127.0.0.1',
        'connection: upgrade',
        'upgrade: websocket',
        `authorization: Bearer ${secret}`,
        '\r\n',
      ].join('\r\n'),
    );
    expect(String((await answer)[0])).toMatch(/^HTTP\/1.1 400 /);
    await until('its place is free', () => open() === 0);
    expect(simulator.seen().calls.made).toBe(0);
  });

  it('has as many open as it may, and takes so many messages in one', async () => {
    const secret = await secretOf();
    const [first] = [asPage(secret), asPage(secret)];
    await until('both are open', () => open() === 2);
    expect(await asPage(secret).status()).toBe(429);
    for (let count = 0; count < 6; count += 1) first.say({ type: 'input_audio_buffer.clear' });
    expect((await first.heard('error'))['error']).toMatchObject({ code: 'rate_limit_exceeded' });
    await until('it has ended', () => open() === 1);
    expect(first.socket.readyState).not.toBe(WebSocket.OPEN);
  });

  it('ends when the client closes it, vanishes, or says more than is taken at once', async () => {
    const secret = await secretOf();
    const ends: ((caller: SocketCaller) => void)[] = [
      ({ socket }) => {
        socket.close();
      },
      ({ socket }) => {
        socket.terminate();
      },
      ({ socket }) => {
        socket.send('x'.repeat(300_000));
      },
    ];
    for (const end of ends) {
      const caller = asPage(secret);
      await caller.heard('session.created');
      end(caller);
      await until('it has ended', () => open() === 0);
    }
  });

  it('is struck by faults as any request is', async () => {
    const secret = await secretOf();
    simulator.fault(
      { kind: 'status', status: 503, route: 'realtime', times: 1 },
      { kind: 'hangup', times: 1 },
    );
    expect(await asPage(secret).status()).toBe(503);
    await once(asPage(secret).socket, 'error');
    expect(await asPage(secret).status()).toBe(101);
  });

  it('ends a session for what it can read and cannot repeat, and nothing else', async () => {
    const secret = await secretOf();
    const [other, caller] = [asPage(secret), asPage(secret)];
    await Promise.all([other, caller].map((each) => each.heard('session.created')));
    const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;
    const tools = `[{"type":"function","name":"f","parameters":${deep}}]`;
    caller.socket.send(`{"type":"session.update","session":{"type":"realtime","tools":${tools}}}`);
    await until('it has ended', () => open() === 1);
    other.say({ type: 'input_audio_buffer.clear' });
    await other.heard('input_audio_buffer.cleared');
  });

  it('lets a client go that leaves before it is answered', async () => {
    const secret = await secretOf();
    simulator.fault(
      { kind: 'never', route: 'realtime', times: 1 },
      { kind: 'latency', ms: 60_000, times: 1 },
    );
    for (let left = 0; left < 2; left += 1) {
      const { socket } = asPage(secret);
      await until('it is seen', () => simulator.seen().in_flight === 1);
      socket.terminate();
      await until('it is let go', () => simulator.seen().in_flight === 0);
    }
    expect(
      simulator
        .seen()
        .log.slice(-2)
        .map(({ status }) => status),
    ).toEqual([0, 0]);
  });

  it('sends all of an answer that a fault makes longer than a socket takes at once', async () => {
    const bytes = 4_000_000;
    const secret = await secretOf();
    simulator.fault({ kind: 'oversized', bytes, route: 'realtime', times: 1 });
    const { socket } = asPage(secret);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    let received = 0;
    for await (const piece of response) received += (piece as Buffer).length;
    expect(received).toBe(bytes);
  });

  it('stops with sessions and handshakes open, and leaves neither socket nor timer', async () => {
    const held = (): number => process.getActiveResourcesInfo().length;
    const before = held();
    const own = await startSimulator();
    const kept = simulator;
    simulator = own;
    try {
      const secret = await secretOf();
      const caller = asPage(secret);
      await caller.heard('session.created');
      own.fault({ kind: 'never', route: 'realtime' });
      const waiting = asPage(secret);
      await until('it waits', () => own.seen().in_flight === 1);
      const closed = [caller, waiting].map(
        ({ socket }) => new Promise((resolve) => socket.once('close', resolve)),
      );
      await own.close();
      await Promise.all(closed);
      expect(own.seen()).toMatchObject({ calls: { open: 0 } });
      await until('nothing is left', () => held() <= before);
    } finally {
      simulator = kept;
    }
  });
});
