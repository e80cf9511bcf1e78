import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { askOnce, exchange, open, type RawAnswer } from '../support/raw-http.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const SECRETS = '/v1/realtime/client_secrets';
const LIMIT = 64 * 1024;
/** In everything that is sent here, so that an echo or a raw log line is found. */
const MARK = `mark${randomBytes(12).toString('hex')}`;
const REQUEST_ID = /^req_[0-9a-z]{26}$/;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ project: { session: { maxConcurrent: 1000 } } });
});
afterAll(async () => {
  await stack.stop();
});

/** Ours or the provider's envelope, with the contract's headers and nothing of what was sent. */
function expectRefused(answer: Answer | RawAnswer | undefined, status: number): void {
  expect([answer?.status, answer?.text]).toEqual([status, expect.stringMatching(/"error":.*"message":/)]);
  const headers = Object.fromEntries(
    answer!.headers instanceof Headers ? answer!.headers : Object.entries(answer!.headers),
  );
  expect(headers['x-request-id']).toMatch(REQUEST_ID);
  expect(answer!.json.request_id).toBe(headers['x-request-id']);
  expect(headers['cache-control']).toBe('no-store');
  expect(answer!.text + JSON.stringify(headers)).not.toContain(MARK);
}

function post(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<RawAnswer[]> {
  const lines = Object.entries({ 'Content-Type': 'application/json', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return exchange(stack.url, `${head}${lines.join('')}\r\n`, body);
}

function nested(depth: number, opening: string, closing: string): string {
  return opening.repeat(depth) + closing.repeat(depth);
}

/** JSON of exactly so many bytes. */
function padded(document: object, bytes: number): string {
  return JSON.stringify(document).padEnd(bytes, ' ');
}

describe.each(['/session', SECRETS, '/session/ses_x/release', '/projects/key'])(
  'a body sent to %s',
  (path) => {
    const send = (body: string | Buffer): Promise<RawAnswer[]> =>
      post(path, body, { 'X-Admin-API-Key': stack.adminKey });

    it.each<[string, string | Buffer]>([
      ['cut short', `{"${MARK}":`],
      ['not JSON', `{'${MARK}': 1}`],
      ['JSON and more', `{} ${MARK}`],
      ['NaN', '{"a":NaN}'],
      ['an array', `["${MARK}"]`],
      ['null', 'null'],
      ['a string', `"${MARK}"`],
      ['a number', '5'],
      ['true', 'true'],
      ['a __proto__', `{"__proto__":{"${MARK}":1}}`],
      ['an escaped __proto__', `{"\\u005f_proto__":{"${MARK}":1}}`],
      ['a nested __proto__', `{"session":{"__proto__":{"${MARK}":1}}}`],
      ['a constructor’s prototype', `{"constructor":{"prototype":{"${MARK}":1}}}`],
      ['10,000 arrays deep', `{"a":${nested(10_000, '[', ']')}}`],
      ['10,000 objects deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
      ['unclosed arrays', '['.repeat(60_000)],
      ['a NUL byte', `{"${MARK}":"\0"}`],
      ['NUL bytes only', '\0'.repeat(100)],
      ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
      ['UTF-8 cut in a character', Buffer.from([0x7b, 0x22, 0xe2, 0x82])],
      ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
      ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
      ['a number beyond all numbers', '{"project_id":1e999}'],
      ['half a surrogate pair', '{"project_id":"\\ud800"}'],
      ['half a surrogate pair in a name', '{"\\ud800":1}'],
    ])('that is %s is refused as malformed', async (_what, body) => {
      const [answer, ...more] = await send(body);
      expectRefused(answer, 400);
      expect(more).toEqual([]);
    });

    it.each([
      ['just over the limit', padded({}, LIMIT + 1)],
      ['1 MB', padded({}, 1024 * 1024)],
    ])('that is too large, %s, is refused however it is sent', async (_what, body) => {
      const head =
        `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Admin-API-Key: ${stack.adminKey}\r\n` +
        'Content-Type: application/json\r\n';
      const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      expectRefused(await askOnce(stack.url, `${head}Content-Length: ${body.length}\r\n\r\n${body}`), 413);
      expectRefused(await askOnce(stack.url, `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}`), 413);
    });

    it.each<[string, Record<string, string>]>([
      ['gzip', { 'Content-Encoding': 'gzip' }],
      ['deflate', { 'Content-Encoding': 'deflate' }],
      ['br', { 'Content-Encoding': 'br, identity' }],
      ['a made-up encoding', { 'Content-Encoding': MARK }],
      ['Latin-1', { 'Content-Type': 'application/json; charset=iso-8859-1' }],
      ['UTF-16', { 'Content-Type': 'application/json;charset="utf-16"' }],
      ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
      ['multipart', { 'Content-Type': `multipart/form-data; boundary=${MARK}` }],
      ['two types', { 'Content-Type': 'application/json, text/html' }],
      ['no type at all', { 'Content-Type': '' }],
      ['a type that is none', { 'Content-Type': `/;;=${MARK}` }],
    ])('that claims to be %s is refused as unsupported', async (_what, headers) => {
      const [answer] = await post(path, '{}', { 'X-Admin-API-Key': stack.adminKey, ...headers });
      expectRefused(answer, 415);
    });
  },
);

describe.each(['/session', SECRETS])('what a body to %s says', (path) => {
  it.each([
    `{"project_id":"${PROJECT}","constructor":1}`,
    `{"project_id":"${PROJECT}","toString":null}`,
    `{"project_id":"${PROJECT}","${MARK}":1}`,
    `{"project_id":"${PROJECT}","session":"${MARK}"}`,
    `{"project_id":"${PROJECT}","model":{"$gt":""}}`,
    `{"project_id":"${PROJECT}","voice":["${MARK}"]}`,
    `{"project_id":"${PROJECT}","instructions":"a\\u0000${MARK}"}`,
    `{"project_id":"${PROJECT}","session":{"type":"realtime","instructions":"a\\u0000${MARK}"}}`,
    `{"project_id":"${PROJECT}","session":{"type":"realtime","constructor":1}}`,
    `{"project_id":"${PROJECT}","model":"${MARK}\\u0000"}`,
    `{"project_id":"${PROJECT}","model":"__proto__"}`,
    `{"project_id":"${PROJECT}","model":"${'m'.repeat(129)}"}`,
    `{"project_id":"${PROJECT}","model":"../../${MARK}"}`,
    `{"project_id":"${PROJECT}","instructions":"${'i'.repeat(32_769)}"}`,
    `{"project_id":"${PROJECT}","session":{"type":"realtime","tools":{"length":1e9}}}`,
    `{"project_id":"${PROJECT}","expires_after":{"seconds":-1}}`,
  ])('is refused by its fields: %.70s', async (body) => {
    const [answer] = await post(path, body, { 'Idempotency-Key': MARK });
    expectRefused(answer, 400);
    expect(answer?.json.details.length).toBeGreaterThan(0);
  });

  it.each([
    '"__proto__"',
    '"constructor"',
    '"toString"',
    '5',
    '["proj_test"]',
    '{"$ne":1}',
    'true',
    '""',
    `"${MARK}\\u0000"`,
    `"' OR 1=1 -- ${MARK}"`,
  ])('names no project by %s', async (projectId) => {
    const [answer] = await post(path, `{"project_id":${projectId}}`);
    expectRefused(answer, 401);
  });

  it('is taken up to the last byte of the limit, whole or in chunks', async () => {
    const body = padded({ project_id: PROJECT }, LIMIT);
    const [whole] = await post(path, body);
    const chunks = [body.slice(0, 1), body.slice(1, 100), body.slice(100)];
    const [chunked] = await exchange(
      stack.url,
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: APPLICATION/JSON ; Charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ...chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`),
      '0\r\n\r\n',
    );
    expect([whole?.status, chunked?.status]).toEqual([200, 200]);
  });

  it.each([
    ['too long', 'k'.repeat(256)],
    ['empty', ''],
    ['not printable', 'k\x7f'],
    ['not ASCII', 'kü'],
  ])('is refused with an Idempotency-Key that is %s', async (_what, key) => {
    const [answer] = await post(path, `{"project_id":"${PROJECT}"}`, { 'Idempotency-Key': key });
    expectRefused(answer, 400);
  });
});

describe('a request that is hardly HTTP', () => {
  const request = (line: string, ...headers: string[]): string =>
    [line, 'Host: 127.0.0.1', 'Connection: close', ...headers, '', ''].join('\r\n');
  const json = 'Content-Type: application/json';

  it.each<[string, number, string | Buffer]>([
    ['words', 400, `${MARK}\r\n\r\n`],
    ['a TLS greeting', 400, Buffer.from('16030100ca010000c60303', 'hex')],
    ['an HTTP/2 preface', 400, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 421, 'GET /health\r\n\r\n'],
    ['HTTP/3.0', 400, request('GET /health HTTP/3.0')],
    ['a made-up method', 400, request(`${MARK} /health HTTP/1.1`)],
    ['no Host', 400, 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['two Hosts', 400, request('GET /health HTTP/1.1', `Host: ${MARK}`)],
    [
      'two content lengths',
      400,
      `${request('POST /session HTTP/1.1', json, 'Content-Length: 2', 'Content-Length: 3')}{} `,
    ],
    [
      'a list of content lengths',
      400,
      `${request('POST /session HTTP/1.1', json, 'Content-Length: 2, 2')}{}`,
    ],
    ['a negative content length', 400, request('POST /session HTTP/1.1', json, 'Content-Length: -1')],
    ['a hexadecimal content length', 400, request('POST /session HTTP/1.1', json, 'Content-Length: 0x2')],
    [
      'an enormous content length',
      400,
      request('POST /session HTTP/1.1', json, `Content-Length: ${'9'.repeat(40)}`),
    ],
    [
      'a length and chunks',
      400,
      `${request('POST /session HTTP/1.1', json, 'Content-Length: 2', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    ],
    [
      'an unknown transfer encoding',
      400,
      request('POST /session HTTP/1.1', json, `Transfer-Encoding: x${MARK}`),
    ],
    [
      'chunks that are none',
      400,
      `${request('POST /session HTTP/1.1', json, 'Transfer-Encoding: chunked')}zz\r\n${MARK}\r\n`,
    ],
    ['a header without a colon', 400, request('GET /health HTTP/1.1', MARK)],
    ['a space before a colon', 400, request('GET /health HTTP/1.1', `X-Mark : ${MARK}`)],
    ['a NUL in a header', 400, request('GET /health HTTP/1.1', `X-Mark: \0${MARK}`)],
    ['a bare carriage return in a header', 400, request('GET /health HTTP/1.1', `X-Mark: a\r${MARK}`)],
    ['a header of 17 KB', 431, request('GET /health HTTP/1.1', `X-Mark: ${MARK.repeat(600)}`)],
    [
      'headers of 17 KB',
      431,
      request('GET /health HTTP/1.1', ...Array.from({ length: 5000 }, (_, i) => `a${i}: b`)),
    ],
    ['a URL of 20 KB', 431, request(`GET /${MARK.repeat(800)} HTTP/1.1`)],
    ['a URL of 8 KB', 404, request(`GET /${MARK.repeat(300)} HTTP/1.1`)],
    [
      'a session id of 8 KB',
      400,
      request(`GET /session/${MARK.repeat(300)} HTTP/1.1`, 'Authorization: Bearer x'),
    ],
    ['percent-encoding without digits', 400, request(`GET /%${MARK} HTTP/1.1`)],
    [
      'percent-encoding of no character',
      400,
      request('GET /session/%ff HTTP/1.1', 'Authorization: Bearer x'),
    ],
    ['percent-encoding cut short', 400, request('GET /health% HTTP/1.1')],
    ['a NUL in a path', 404, request('GET /session/%00 HTTP/1.1', 'Authorization: Bearer x')],
    ['a path upwards', 404, request('GET /session/../../etc/passwd HTTP/1.1')],
    [
      'an encoded path upwards',
      404,
      request('GET /session/..%2f..%2fetc HTTP/1.1', 'Authorization: Bearer x'),
    ],
    ['two slashes', 404, request('POST //session HTTP/1.1', 'Content-Length: 0')],
    ['a proxy’s URL', 401, request(`GET http://${MARK}/turn-credentials HTTP/1.1`)],
    ['an asterisk', 404, request('OPTIONS * HTTP/1.1')],
    [
      'a query in a made-up encoding',
      401,
      request('GET /turn-credentials?project_id=%ff%zz&project_id[__proto__]=1 HTTP/1.1'),
    ],
    [
      'two projects in a query',
      401,
      request(`GET /turn-credentials?project_id=${PROJECT}&project_id=${MARK} HTTP/1.1`),
    ],
    ['a rare method', 405, request('PROPFIND /session HTTP/1.1')],
    ['a QUERY', 405, request('QUERY /session HTTP/1.1')],
    ['a TRACE', 405, request('TRACE /session HTTP/1.1', `X-Mark: ${MARK}`)],
    ['a HEAD', 405, request('HEAD /turn-credentials HTTP/1.1')],
    ['an upgrade', 405, request('GET /session HTTP/1.1', 'Upgrade: websocket', 'Sec-WebSocket-Key: x')],
    [
      'an expectation that nobody knows',
      401,
      request('POST /session HTTP/1.1', 'Content-Length: 0', `Expect: ${MARK}`),
    ],
  ])('is refused: %s, %i', async (what, status, bytes) => {
    const [answer, ...more] = await exchange(stack.url, bytes);
    if (what === 'a HEAD') expect(answer?.status).toBe(405);
    else expectRefused(answer, status);
    expect(more).toEqual([]);
  });

  it.each([900, 3_000])('does not lose a key header among %d others', async (count) => {
    const many = Array.from({ length: count }, () => 'a:');
    const [answer] = await exchange(
      stack.url,
      request('POST /session HTTP/1.1', json, ...many, `X-OpenAI-API-Key: ${MARK}`, 'Content-Length: 26') +
        `{"project_id":"${PROJECT}"}`,
    );
    expectRefused(answer, 401);
  });

  it('does not spoil the good one before it on the same connection', async () => {
    const good = 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const { socket, answers } = await open(stack.url);
    socket.write(good);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write(`${MARK} \r\n\r\n${good}`);
    const [first, second, ...more] = await answers;
    expect(first?.status).toBe(200);
    expectRefused(second, 400);
    expect(more).toEqual([]);
  });

  it('ends its connection, also when the client goes on', async () => {
    const { hostname, port } = new URL(stack.url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => undefined).resume();
    const errors: unknown[] = [];
    socket.on('error', (error) => errors.push(error));
    socket.write(`${MARK}\r\n\r\n`);
    await once(socket, 'end');
    await until('the connection is gone', () => {
      if (!socket.destroyed) socket.write('x');
      return errors.length > 0;
    });
    expect(errors).toEqual([expect.objectContaining({ code: expect.stringMatching(/EPIPE|ECONNRESET/) })]);
  });

  it('is answered in order when many come at once', async () => {
    const one = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    const answers = await exchange(
      stack.url,
      (one('/health') + one('/nowhere')).repeat(25) + request('GET /health HTTP/1.1'),
    );
    expect(answers.map(({ status }) => status)).toEqual([
      ...Array<number[]>(25).fill([200, 404]).flat(),
      200,
    ]);
  });

  it('may carry a body where none is read', async () => {
    const answers = await exchange(
      stack.url,
      `GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${MARK.length}\r\n\r\n${MARK}`,
      request('GET /health HTTP/1.1'),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('a request that takes its time', () => {
  it('is given up after 10 seconds, in its headers as in its body', async () => {
    const [headers, body] = await Promise.all([open(stack.url), open(stack.url)]);
    headers.socket.write(`GET /health HTTP/1.1\r\nX-Mark: ${MARK}`);
    body.socket.write(
      `POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"${MARK}`,
    );
    const started = performance.now();
    const after = async (answers: Promise<RawAnswer[]>): Promise<[RawAnswer | undefined, number]> => {
      const [answer] = await answers;
      return [answer, (performance.now() - started) / 1000];
    };
    const [[slowHeaders, headersSeconds], [slowBody, bodySeconds]] = await Promise.all([
      after(headers.answers),
      after(body.answers),
    ]);
    expectRefused(slowHeaders, 408);
    expectRefused(slowBody, 400);
    for (const seconds of [headersSeconds, bodySeconds]) {
      expect(seconds).toBeGreaterThan(9);
      expect(seconds).toBeLessThan(15);
    }
  });
});

describe('after all of this', () => {
  it('the service is the same process, answers normally and has met no defect', async () => {
    const opened = await stack.request('/session', { body: { project_id: PROJECT } });
    const health = await stack.admin('/health/vault');
    expect([opened.status, health.status]).toEqual([200, 200]);
    expect(stack.services[0]!.output.filter((line) => !line.startsWith('{'))).toEqual([]);
    const lines = stack.services[0]!.output.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
    expect(lines.filter(({ status }) => Number(status) >= 500)).toEqual([]);
  });

  it('nothing that was sent is in the log or in the database', async () => {
    expect(stack.services[0]!.output.join('\n')).not.toContain(MARK);
    const audit = await stack.database.query('SELECT * FROM audit_events');
    const sessions = await stack.database.query('SELECT * FROM sessions');
    expect(JSON.stringify([audit, sessions])).not.toContain(MARK);
  });
});
