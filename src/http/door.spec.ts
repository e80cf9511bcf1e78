import Fastify, { type FastifyInstance } from 'fastify';
import { Agent, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refusalAtTheDoor } from './door.ts';

const SILENCE_MS = 1_500;

describe('a connection on which a session was refused at the door', () => {
  let fastify: FastifyInstance;
  let agent: Agent;

  beforeEach(async () => {
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    fastify = Fastify({ trustProxy: true });
    fastify.addHook('onRequest', (request, reply, done) => {
      const refusal = refusalAtTheDoor(request, reply, () => SILENCE_MS);
      if (refusal === undefined) done();
      else reply.status(refusal.status).send('');
    });
    fastify.post('/session', () => 'opened');
    fastify.get('/health', () => 'ok');
    await fastify.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    agent.destroy();
    await fastify.close();
  });

  const ask = (method: string, path: string, headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const { port } = fastify.server.address() as AddressInfo;
      send({ agent, port, method, path, headers }, (answer) => {
        answer.resume().once('end', () => {
          resolve(answer.statusCode);
        });
      })
        .once('error', reject)
        .end();
    });
  const refusedThenAsked = async (headers: Record<string, string> = {}): Promise<number> => {
    expect(await ask('POST', '/session', headers)).toBe(503);
    const started = performance.now();
    expect(await ask('GET', '/health', headers)).toBe(200);
    return performance.now() - started;
  };

  it('is not heard for a while', async () => {
    expect(await refusedThenAsked()).toBeGreaterThan(SILENCE_MS - 100);
  });

  it('is heard if it is a proxy’s, which sends the requests of others on it', async () => {
    expect(await refusedThenAsked({ 'x-forwarded-for': '203.0.113.7' })).toBeLessThan(SILENCE_MS - 500);
  });
});
