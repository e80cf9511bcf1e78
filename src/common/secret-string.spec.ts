import { type AssertionError, deepStrictEqual } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { format, inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { pino } from 'pino';
import { SecretString } from './secret-string.ts';

const text = randomBytes(24).toString('hex');
const secret = new SecretString(text);

function logged(write: (log: pino.Logger) => void): string {
  const lines: string[] = [];
  write(pino({ level: 'trace' }, { write: (line: string) => lines.push(line) }));
  return lines.join('');
}

function thrownBy(work: () => void): AssertionError {
  try {
    work();
  } catch (error) {
    return error as AssertionError;
  }
  throw new TypeError('nothing was thrown');
}

/* The point of these is to do what the types advise against. */
/* eslint-disable @typescript-eslint/restrict-template-expressions */
const accidents: [string, () => string][] = [
  ['a template string', () => `${secret}`],
  ['a concatenation', () => 'a' + (secret as unknown as string) + 'b'],
  ['String()', () => String(secret)],
  ['a joined list', () => [secret, secret].join()],
  ['a property name', () => Object.keys({ [secret as unknown as string]: 1 }).join()],
  ['JSON', () => JSON.stringify({ nested: [{ secret }] })],
  ['JSON with a replacer', () => JSON.stringify({ secret }, (_key, value: unknown) => value)],
  ['inspect', () => inspect(secret)],
  ['inspect, nested', () => inspect({ a: { b: [new Map([['key', secret]])] } }, { depth: null })],
  ['inspect, with all that is hidden', () => inspect(secret, { showHidden: true, getters: true })],
  [
    'inspect, without its own method',
    () => inspect({ secret }, { customInspect: false, showHidden: true, depth: null }),
  ],
  ['console’s formats', () => format('%s %o %O %j %d', secret, secret, secret, secret, secret)],
  ['a structured clone', () => inspect(structuredClone({ secret }), { showHidden: true })],
  ['V8’s serializer', () => inspect(deserialize(serialize({ secret })), { showHidden: true })],
  ['a spread', () => JSON.stringify({ ...secret })],
  ['its entries', () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret).map(String)])],
  ['a buffer', () => Buffer.from(secret as unknown as string).toString()],
  ['an error’s message', () => inspect(new Error(secret as unknown as string))],
  ['an error’s cause', () => inspect(new Error('it failed', { cause: { secret } }), { showHidden: true })],
  [
    'a failed assertion',
    () =>
      inspect(
        thrownBy(() => {
          deepStrictEqual({ secret }, { secret: 1 });
        }),
      ),
  ],
  ['a URL', () => new URL(`https://example.com/${secret}?key=${secret}`).href],
  ['form fields', () => new URLSearchParams({ key: secret as unknown as string }).toString()],
  ['a header', () => new Headers({ key: secret as unknown as string }).get('key') ?? ''],
  [
    'a log line’s field',
    () =>
      logged((log) => {
        log.info({ secret, nested: { list: [secret] } }, 'a message');
      }),
  ],
  [
    'a log line’s object',
    () =>
      logged((log) => {
        log.info(secret, 'a message');
      }),
  ],
  [
    'a log line’s message',
    () =>
      logged((log) => {
        log.info('a message %s %o %j', secret, secret, secret);
      }),
  ],
  [
    'a logger’s binding',
    () =>
      logged((log) => {
        log.child({ secret }).info('a message');
      }),
  ],
  [
    'a logged error',
    () =>
      logged((log) => {
        log.error({ err: Object.assign(new Error('it failed'), { secret }) });
      }),
  ],
];
/* eslint-enable @typescript-eslint/restrict-template-expressions */

describe('a secret string', () => {
  it.each(accidents)('does not get out by %s', (_what, accident) => {
    const result = accident();
    expect(result).not.toBe('');
    for (const spelling of ['utf8', 'base64', 'hex'] as const) {
      expect(result).not.toContain(Buffer.from(text).toString(spelling).replace(/=+$/, ''));
    }
  });

  it.each([
    ['printed', String(secret)],
    ['inspected', inspect(secret)],
    ['serialised', JSON.parse(JSON.stringify(secret)) as string],
  ])('says what it is when it is %s', (_how, result) => {
    expect(result).toBe('[secret]');
  });

  it('gives its text to who asks for it', () => {
    expect(secret.reveal()).toBe(text);
  });

  it('is named by a fingerprint that differs from another’s', () => {
    expect(secret.fingerprint()).toMatch(/^sha256:[0-9a-f]{16}$/);
    expect(new SecretString(text).fingerprint()).toBe(secret.fingerprint());
    expect(new SecretString(`${text}x`).fingerprint()).not.toBe(secret.fingerprint());
  });

  it('cannot be changed', () => {
    expect(() => Object.assign(secret, { toJSON: () => 'another' })).toThrow(TypeError);
  });
});
