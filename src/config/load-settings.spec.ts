import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Environment, loadSettings, SettingsError } from './load-settings.ts';

const aSecret = (): string => randomBytes(24).toString('hex');
const aDatabase = (): string => `postgres://serving:${aSecret()}@db.example.com/vestibule`;

const production = (): Environment => ({
  NODE_ENV: 'production',
  DATABASE_URL: aDatabase(),
  VESTIBULE_ADMIN_KEY: aSecret(),
  VESTIBULE_JWT_SECRET: aSecret(),
});

function problemsOf(environment: Environment, command: 'serve' | 'other' = 'serve'): string[] {
  try {
    loadSettings(environment, command);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('the settings', () => {
  it('need nothing outside production', () => {
    expect(loadSettings({}, 'serve')).toMatchObject({
      production: false,
      port: 3000,
      host: '127.0.0.1',
      opsPort: 9464,
      databaseUrl: undefined,
      databasePrepared: 'on',
      vault: 'directory',
      directory: './.vestibule',
      providerUrls: undefined,
      jwtIssuers: [],
      addressLimit: { requests: 1200, seconds: 60 },
      trustProxy: [],
      hosts: undefined,
      logLevel: 'info',
    });
  });

  it('let Cloudflare’s tokens go to Cloudflare alone, or to loopback outside production', () => {
    const asked = (url: string, environment: Environment = {}): string[] =>
      problemsOf({ ...environment, VESTIBULE_TURN_CLOUDFLARE_URL: url });
    const own = 'https://rtc.live.cloudflare.com';
    for (const url of [own, 'http://127.0.0.1:8080', 'http://[::1]:1', 'https://localhost']) {
      expect([url, asked(url)]).toEqual([url, []]);
    }
    expect(asked(own, production())).toEqual([]);
    expect(asked('http://127.0.0.1:8080', production())).toEqual([
      'VESTIBULE_TURN_CLOUDFLARE_URL can be loopback only outside production',
    ]);
    for (const url of [
      'https://evil.example.net',
      'http://rtc.live.cloudflare.com',
      'https://rtc.live.cloudflare.com.evil.example.net',
      'https://rtc.live.cloudflare.com/v2',
      'http://127.0.0.1@evil.example.net',
      'http://127.0.0.1:80/path',
      'http://127.0.0.10',
    ]) {
      expect([url, asked(url)]).toEqual([
        url,
        [
          'VESTIBULE_TURN_CLOUDFLARE_URL must be https://rtc.live.cloudflare.com, or an origin on loopback outside production',
        ],
      ]);
    }
  });

  it('take an empty variable for an unset one', () => {
    expect(loadSettings({ PORT: '', DATABASE_URL: '', VESTIBULE_HOSTS: '' }, 'serve')).toMatchObject({
      port: 3000,
      databaseUrl: undefined,
      hosts: undefined,
    });
  });

  it('name in production everything that is missing, at once', () => {
    expect(problemsOf({ NODE_ENV: 'production' }).sort()).toEqual([
      'DATABASE_URL is required in production',
      'VESTIBULE_ADMIN_KEY is required in production',
      'VESTIBULE_JWT_SECRET is required in production',
    ]);
    expect(problemsOf(production())).toEqual([]);
  });

  it('ask a command that does not serve for no more than it uses', () => {
    expect(problemsOf({ NODE_ENV: 'production' }, 'other')).toEqual([]);
  });

  it.each<[string, string]>([
    ['NODE_ENV', 'staging'],
    ['PORT', '65536'],
    ['PORT', '3e3'],
    ['OPS_PORT', '-1'],
    ['DATABASE_URL', 'mysql://db.example.com/x'],
    ['DATABASE_URL', 'not a url'],
    ['DATABASE_MIGRATION_URL', 'http://db.example.com/x'],
    ['VESTIBULE_DB_PREPARED', 'yes'],
    ['VESTIBULE_VAULT', 'memory'],
    ['VESTIBULE_NAMESPACE', 'Not_A_Label'],
    ['VESTIBULE_PROVIDER_URLS', 'https://api.openai.com/v1,ftp://x'],
    ['VESTIBULE_ADMIN_KEY', 'x'.repeat(31)],
    ['VESTIBULE_ADMIN_KEY', `${'x'.repeat(32)},short-one`],
    ['VESTIBULE_ADMIN_KEY', ' , '],
    ['VESTIBULE_JWT_SECRET', `${'x'.repeat(32)} with spaces`],
    ['VESTIBULE_JWT_ISSUERS', '{not json'],
    ['VESTIBULE_JWT_ISSUERS', '{"issuer":"https://idp.example.com"}'],
    ['VESTIBULE_JWT_ISSUERS', '[{"issuer":"https://idp.example.com"}]'],
    ['VESTIBULE_JWT_ISSUERS', '[{"issuer":"https://idp.example.com","audience":"a","algorithms":["HS256"]}]'],
    ['VESTIBULE_JWT_ISSUERS', '[{"issuer":"https://idp.example.com","audience":"a","algorithms":["none"]}]'],
    ['VESTIBULE_JWT_ISSUERS', '[{"issuer":"vestibule","audience":"a"}]'],
    ['VESTIBULE_JWT_ISSUERS', '[{"issuer":"same","audience":"a"},{"issuer":"same","audience":"b"}]'],
    ['VESTIBULE_ADDRESS_LIMIT', '77'],
    ['VESTIBULE_ADDRESS_LIMIT', '0/7'],
    ['VESTIBULE_TRUST_PROXY', '10.0.0.0/33'],
    ['VESTIBULE_TRUST_PROXY', 'everyone'],
    ['LOG_LEVEL', 'loud'],
  ])('refuse %s=%j by name, and do not repeat the value', (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name} .*must|^${name} /`)) as string]);
    expect(problems[0]).not.toContain(value);
  });

  it('report all problems at once, with no value in the message', () => {
    const environment = {
      ...production(),
      PORT: 'port-value',
      LOG_LEVEL: 'level-value',
      DATABASE_URL: `mysql://user:${aSecret()}@host/db`,
      VESTIBULE_ADMIN_KEY: 'admin-value',
    };
    let message = '';
    try {
      loadSettings(environment, 'serve');
    } catch (error) {
      message = (error as Error).message;
    }
    for (const [name, value] of Object.entries(environment)) {
      if (name === 'NODE_ENV') continue;
      expect([name, message.includes(name)]).toEqual([name, name !== 'VESTIBULE_JWT_SECRET']);
      expect(message).not.toContain(value);
    }
  });

  it('refuse to review tokens where there is no cluster, beside all else', () => {
    const review = { VESTIBULE_TOKEN_REVIEW: 'on' };
    expect(problemsOf({ ...review, VESTIBULE_VAULT: 'kubernetes' })).toEqual([]);
    const [bad, contradiction, ...others] = problemsOf({ ...review, PORT: 'none' });
    expect(bad).toMatch(/^PORT /);
    expect(contradiction).toMatch(/VESTIBULE_TOKEN_REVIEW.*VESTIBULE_VAULT/);
    expect(others).toEqual([]);
  });

  it('refuse to require an audit file that has no name', () => {
    const required = { VESTIBULE_AUDIT_FILE_REQUIRED: 'on' };
    expect(problemsOf({ ...required, VESTIBULE_AUDIT_FILE: 'audit.jsonl' })).toEqual([]);
    expect(problemsOf(required)).toEqual([expect.stringMatching(/^VESTIBULE_AUDIT_FILE_REQUIRED /)]);
  });

  it('take several secrets and addresses, comma separated', () => {
    const [first, second] = [aSecret(), aSecret()];
    const { adminKeys, jwtSecrets, providerUrls, hosts } = loadSettings({
      VESTIBULE_ADMIN_KEY: ` ${first}, ${second} ,`,
      VESTIBULE_JWT_SECRET: second,
      VESTIBULE_PROVIDER_URLS: 'https://one.example.com/v1/, https://two.example.com',
      VESTIBULE_HOSTS: 'Api.Example.com',
    });
    expect(adminKeys?.map((key) => key.reveal())).toEqual([first, second]);
    expect(jwtSecrets?.map((key) => key.reveal())).toEqual([second]);
    expect(providerUrls).toEqual(['https://one.example.com/v1', 'https://two.example.com']);
    expect(hosts).toEqual(['api.example.com']);
  });

  it('turn the address limit off', () => {
    expect(loadSettings({ VESTIBULE_ADDRESS_LIMIT: 'off' }).addressLimit).toBeUndefined();
  });

  it('fill in what an issuer leaves out', () => {
    const issuer = { issuer: 'https://idp.example.com', audience: 'api' };
    expect(loadSettings({ VESTIBULE_JWT_ISSUERS: JSON.stringify([issuer]) }).jwtIssuers).toEqual([
      { ...issuer, clientClaim: 'sub', algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    ]);
  });

  describe('from files', () => {
    let folder: string;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'vestibule-settings-'));
    });
    afterAll(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    const aFile = (text: string): string => {
      const path = join(folder, randomBytes(6).toString('hex'));
      writeFileSync(path, text);
      return path;
    };

    it('read each secret, without the line end that editors leave', () => {
      const [admin, jwt, database] = [aSecret(), aSecret(), aDatabase()];
      const settings = loadSettings(
        {
          NODE_ENV: 'production',
          VESTIBULE_ADMIN_KEY_FILE: aFile(`${admin}\n`),
          VESTIBULE_JWT_SECRET_FILE: aFile(`${jwt}\r\n`),
          DATABASE_URL_FILE: aFile(`${database}\n`),
        },
        'serve',
      );
      expect(settings.adminKeys?.map((key) => key.reveal())).toEqual([admin]);
      expect(settings.jwtSecrets?.map((key) => key.reveal())).toEqual([jwt]);
      expect(settings.databaseUrl).toBe(database);
    });

    it('refuse a variable and its file together', () => {
      const problems = problemsOf({
        VESTIBULE_ADMIN_KEY: aSecret(),
        VESTIBULE_ADMIN_KEY_FILE: aFile(aSecret()),
      });
      expect(problems).toEqual(['VESTIBULE_ADMIN_KEY and VESTIBULE_ADMIN_KEY_FILE are both set: keep one']);
    });

    it('refuse a file that cannot be read, holds nothing or holds what is no secret', () => {
      for (const path of [join(folder, 'never'), folder, aFile('\n'), aFile('too-short')]) {
        const problems = problemsOf({ VESTIBULE_JWT_SECRET_FILE: path });
        expect(problems).toEqual([expect.stringMatching(/^VESTIBULE_JWT_SECRET /) as string]);
        expect(problems[0]).not.toMatch(/too-short|never/);
      }
    });
  });
});
