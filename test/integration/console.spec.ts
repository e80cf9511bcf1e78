import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Answer, type Stack, startStack } from '../support/stack.ts';

const BUILT = fileURLToPath(new URL('../../dist/console/pages/', import.meta.url));
/** All pages and files together, compressed. */
const MOST_BYTES = 100_000;
const PAGES = ['/', '/playground', '/dashboard'];

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

async function filesOf(page: string): Promise<string[]> {
  const { text } = await stack.request(page);
  return [...text.matchAll(/(?:src|href)="(console\/[^"]+)"/g)].map(([, file]) => `/${file!}`);
}

function inCoding(path: string, coding: string, headers: Record<string, string> = {}): Promise<Answer> {
  return stack.request(path, { headers: { 'accept-encoding': coding, ...headers } });
}

describe.each(PAGES)('%s', (page) => {
  it('takes nothing from elsewhere, runs nothing inline, and is in no frame', async () => {
    const { status, headers, text } = await stack.request(page);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; /);
    expect(policy).toMatch(/; frame-ancestors 'none'; base-uri 'none'; form-action 'none'$/);
    expect(policy).not.toContain('unsafe');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|https?:|(?:src|href)="\/|<script(?![^>]*\ssrc=)/);
    expect(text.match(/<script[^>]*>[^<]/)).toBeNull();
  });

  it('may ask providers and for the microphone only where somebody speaks', async () => {
    const { headers } = await stack.request(page);
    const [, origins] = /connect-src ([^;]+);/.exec(headers.get('content-security-policy') ?? '') ?? [];
    const microphone = /microphone=\((.*?)\)/.exec(headers.get('permissions-policy') ?? '')?.[1];
    expect([origins, microphone]).toEqual(
      page === '/playground'
        ? ["'self' https://api.openai.com http://127.0.0.1:* http://localhost:*", 'self']
        : ["'self'", ''],
    );
  });

  it('is asked for again each time, and sent again only when it changed', async () => {
    const { headers } = await stack.request(page);
    expect(headers.get('cache-control')).toBe('no-cache');
    const etag = headers.get('etag') ?? '';
    const again = await stack.request(page, { headers: { 'if-none-match': etag } });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    expect((await stack.request(page, { headers: { 'if-none-match': 'W/"x"' } })).status).toBe(200);
  });

  it('has files that are there, with their types, to be kept for a year', async () => {
    const files = await filesOf(page);
    expect(files.length).toBeGreaterThanOrEqual(4);
    for (const file of files) {
      const { status, headers } = await stack.request(file);
      const type = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }[file.split('.').at(-1)!];
      expect([file, status, headers.get('content-type')?.split(';')[0]]).toEqual([file, 200, type]);
      expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('is the same text in every coding, and smaller in those that compress', async () => {
    for (const path of [page, ...(await filesOf(page))]) {
      const [identity, gzip, br] = await Promise.all(
        ['identity', 'gzip', 'br'].map((coding) => inCoding(path, coding)),
      );
      expect([identity, gzip, br].map((answer) => answer!.headers.get('content-encoding'))).toEqual([
        null,
        'gzip',
        'br',
      ]);
      expect(identity!.text).not.toBe('');
      for (const answer of [gzip!, br!]) {
        expect(answer.text).toBe(identity!.text);
        expect(answer.headers.get('vary')).toBe('Accept-Encoding');
        expect(Number(answer.headers.get('content-length'))).toBeLessThan(
          Number(identity!.headers.get('content-length')),
        );
      }
    }
  });

  it('is not served to another Host, nor by another method', async () => {
    expect((await stack.request(page, { method: 'POST' })).status).toBe(405);
    const service = await stack.addService({ VESTIBULE_HOSTS: 'voice.example.com' });
    const { status, json } = await stack.request(page, { base: service.url });
    expect([status, json.error]).toEqual([421, 'misdirected']);
  });
});

describe('/console', () => {
  it.each(['pages.json', 'landing.js', 'style.css', '..%2f..%2fmain.js', '%2e%2e%2fmain.js', '__proto__'])(
    'has no file %s',
    async (name) => {
      const { status, headers } = await stack.request(`/console/${name}`);
      expect([status, headers.get('cache-control')]).toEqual([404, 'no-store']);
    },
  );

  it('serves no compressed file by its own name', async () => {
    const [file] = await filesOf('/');
    expect((await stack.request(`${file!}.br`)).status).toBe(404);
  });

  it('names the libraries in its files, with their licences', async () => {
    const { text } = await stack.request('/');
    const [name] = /third-party-notices-\w+\.txt/.exec(text) ?? [];
    const notices = await stack.request(`/console/${name!}`);
    expect(notices.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(notices.text).toContain('preact');
    expect(notices.text).toContain('Permission is hereby granted');
  });

  it('takes 100 kB at most, compressed', () => {
    const compressed = readdirSync(BUILT).filter((name) => name.endsWith('.br'));
    expect(compressed.length).toBeGreaterThan(5);
    const bytes = compressed.reduce((sum, name) => sum + statSync(BUILT + name).size, 0);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  it('holds no source map and no path of the machine that built it', () => {
    for (const name of readdirSync(BUILT).filter((each) => /\.(js|css)$/.test(each))) {
      const text = readFileSync(BUILT + name, 'utf8');
      expect(text).not.toMatch(/sourceMappingURL|node_modules/);
    }
  });
});

describe('pages', () => {
  it('count against the address limit as the API does', async () => {
    const { url } = await stack.addService({ VESTIBULE_ADDRESS_LIMIT: '2/60' });
    const statuses = [];
    for (const path of PAGES) statuses.push((await stack.request(path, { base: url })).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('may ask the configured providers, and no others', async () => {
    const { url } = await stack.addService({
      VESTIBULE_PROVIDER_URLS: 'https://one.example.com/v1,https://two.example.com:8443/v1',
    });
    const { headers } = await stack.request('/playground', { base: url });
    expect(headers.get('content-security-policy')).toContain(
      "connect-src 'self' https://one.example.com https://two.example.com:8443;",
    );
  });
});
