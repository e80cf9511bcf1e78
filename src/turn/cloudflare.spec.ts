import { randomBytes } from 'node:crypto';
import {
  answerJson,
  type CloudflareStandIn,
  iceServersOf,
  startCloudflare,
} from '../../test/support/cloudflare-turn.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { SecretString } from '../common/secret-string.ts';
import { ProjectKey } from '../vault/project-key.ts';
import { TurnSecret } from '../vault/turn-secret.ts';
import { type CloudflareRequest, CloudflareTurn, RelaysUnavailable } from './cloudflare.ts';

const secretOf = (text: string): TurnSecret => new TurnSecret(new ProjectKey(new SecretString(text), 0, 0));

describe('Cloudflare’s relays', () => {
  let standIn: CloudflareStandIn;
  let clock: FakeClock;
  let turn: CloudflareTurn;

  beforeEach(async () => {
    standIn = await startCloudflare();
    clock = new FakeClock();
    turn = new CloudflareTurn(standIn.url, clock);
  });
  afterEach(async () => {
    await standIn.close();
    await turn.close();
  });

  const request = (change: Partial<CloudflareRequest> = {}): CloudflareRequest => ({
    project: 'shop',
    keyId: standIn.keyId,
    ttlSeconds: 600,
    secret: secretOf(standIn.token),
    ...change,
  });
  const whyNot = async (): Promise<string> => {
    const error: unknown = await turn.relays(request()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RelaysUnavailable);
    return (error as Error).message;
  };

  it('are asked for with the token and the time to live, and nothing else', async () => {
    await turn.relays(request({ ttlSeconds: 900 }));
    expect(standIn.asked).toEqual([
      {
        method: 'POST',
        path: `/v1/turn/keys/${standIn.keyId}/credentials/generate-ice-servers`,
        authorization: `Bearer ${standIn.token}`,
        body: '{"ttl":900}',
      },
    ]);
  });

  it('are asked for once by 1,000 at a time, and by all who come in 30 s, who are told what is left of them', async () => {
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => turn.relays(request())));
    expect(standIn.asked).toHaveLength(1);
    expect(new Set(answers.map(({ iceServers }) => JSON.stringify(iceServers))).size).toBe(1);
    expect(answers[0]!.ttl).toBe(600);
    clock.advance(29_999);
    expect((await turn.relays(request())).ttl).toBe(570);
    expect(standIn.asked).toHaveLength(1);
    clock.advance(1);
    expect((await turn.relays(request())).ttl).toBe(600);
    expect(standIn.asked).toHaveLength(2);
  });

  it('are asked for once in 30 s also when that fails', async () => {
    standIn.answer = (response) => {
      answerJson(response, 'down', 503);
    };
    const failed = await Promise.allSettled(Array.from({ length: 1_000 }, () => turn.relays(request())));
    expect(failed.filter(({ status }) => status === 'rejected')).toHaveLength(1_000);
    standIn.mend();
    clock.advance(29_999);
    expect(await whyNot()).toBe('Cloudflare answered with status 503');
    expect(standIn.asked).toHaveLength(1);
    clock.advance(1);
    expect((await turn.relays(request())).iceServers).toHaveLength(2);
  });

  it('are asked for at once for another project, key or time, and with a secret that is new', async () => {
    await expect(turn.relays(request({ secret: secretOf(randomBytes(32).toString('hex')) }))).rejects.toThrow(
      'status 401',
    );
    const [first, again, other] = [
      await turn.relays(request()),
      await turn.relays(request()),
      await turn.relays(request({ project: 'other' })),
    ];
    expect(again.iceServers).toBe(first.iceServers);
    expect(other.iceServers).not.toEqual(first.iceServers);
    await turn.relays(request({ ttlSeconds: 601 }));
    await expect(turn.relays(request({ keyId: 'another' }))).rejects.toThrow('status 404');
    expect(standIn.asked).toHaveLength(5);
  });

  it.each<[string, CloudflareStandIn['answer'], RegExp]>([
    [
      'that is not 201',
      (response) => {
        answerJson(response, iceServersOf('u', 'c'), 200);
      },
      /^Cloudflare answered with status 200$/,
    ],
    [
      'that leads elsewhere',
      (response) => response.writeHead(307, { location: '/elsewhere' }).end(),
      /^Cloudflare answered with status 307$/,
    ],
    [
      'without a relay',
      (response) => {
        answerJson(response, { iceServers: [{ urls: 'stun:x' }] });
      },
      /^Cloudflare answered without a relay$/,
    ],
    [
      'that is huge',
      (response) => response.writeHead(201).end(`{"x":"${'x'.repeat(33 * 1024)}"}`),
      /^Cloudflare could not be asked$/,
    ],
    [
      'that breaks off',
      (response) => {
        response.writeHead(201, { 'content-length': '100' });
        response.write('{');
        setImmediate(() => response.destroy());
      },
      /^Cloudflare could not be asked UND_ERR_SOCKET$/,
    ],
  ])('are not those of an answer %s', async (_what, answer, message) => {
    standIn.answer = answer;
    expect(await whyNot()).toMatch(message);
    expect(standIn.asked).toHaveLength(1);
  });

  it('are not those of an answer with the token itself, however it is spelled', async () => {
    const escaped = [...standIn.token].map((one) => `\\u00${one.charCodeAt(0).toString(16)}`).join('');
    standIn.answer = (response) => {
      answerJson(response, JSON.stringify(iceServersOf('u', 'THE-TOKEN')).replace('THE-TOKEN', escaped));
    };
    expect(await whyNot()).toBe('Cloudflare answered with the token itself');
  });

  it('are waited for 2.5 s, also in the middle of an answer', async () => {
    standIn.answer = (response) => void response.writeHead(201).write('{"iceServers":');
    const began = performance.now();
    expect(await whyNot()).toBe('Cloudflare did not answer in time');
    expect(performance.now() - began).toBeGreaterThan(2_400);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('are not had where nobody listens', async () => {
    await standIn.close();
    expect(await whyNot()).toBe('Cloudflare could not be asked ECONNREFUSED');
  });
});
