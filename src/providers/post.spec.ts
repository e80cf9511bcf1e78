import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { until } from '../../test/support/until.ts';
import { DeadlineError, post, type PostAnswer, type PostOptions } from './post.ts';

describe('post', () => {
  let server: Server;
  let agent: Agent;
  let requests: number;
  let answer: (response: ServerResponse) => void;

  beforeEach(async () => {
    requests = 0;
    answer = (response) => response.writeHead(201, { 'retry-after': '7' }).end('whole');
    server = createServer((request, response) => {
      requests += 1;
      request.resume().once('end', () => {
        answer(response);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    agent = new Agent({ connections: 1, pipelining: 1 });
  });
  afterEach(async () => {
    await agent.destroy();
    server.closeAllConnections();
    server.close();
  });

  const ask = (options: Partial<PostOptions> = {}): Promise<PostAnswer> => {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return post(agent, {
      url: { origin, pathname: '/mint', search: '' },
      headers: {},
      body: '{}',
      deadlineMs: 10_000,
      maxAnswerBytes: 1_000,
      signal: undefined,
      ...options,
    });
  };
  const never = (): void => undefined;

  it('answers with status, headers and the whole text, however many pieces it came in', async () => {
    expect(await ask()).toMatchObject({ status: 201, text: 'whole', headers: { 'retry-after': '7' } });
    answer = (response) => response.write('one ', () => response.end('two'));
    expect(await ask()).toMatchObject({ status: 200, text: 'one two' });
  });

  it('gives up at its deadline, also in the middle of an answer', async () => {
    answer = (response) => void response.write('half');
    await expect(ask({ deadlineMs: 100 })).rejects.toThrow(DeadlineError);
  });

  it('refuses an answer that is too large', async () => {
    answer = (response) => response.end('x'.repeat(1_001));
    await expect(ask()).rejects.toThrow('too large');
  });

  it('never sends what was cancelled while it waited for a connection', async () => {
    answer = never;
    const first = ask({ deadlineMs: 500 });
    await until('the connection is taken', () => requests === 1);
    const controller = new AbortController();
    const second = ask({ signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toThrow('cancelled');
    await expect(ask({ signal: controller.signal })).rejects.toThrow('cancelled');
    await expect(first).rejects.toThrow(DeadlineError);
    answer = (response) => response.end();
    await ask();
    expect(requests).toBe(2);
  });
});
