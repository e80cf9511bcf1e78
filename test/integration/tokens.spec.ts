import { createHmac, createPublicKey, randomBytes } from 'node:crypto';
import { OwnTokens } from '../../src/auth/own-tokens.ts';
import { tokenKey } from '../../src/projects/snapshot.ts';
import { TokenVerifier } from '../../src/auth/token-verifier.ts';
import { SystemClock } from '../../src/common/clock.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { type IdentityProvider, publish, startIdentityProvider } from '../support/identity-provider.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import {
  type Algorithm,
  aSigningKey,
  encode,
  publicJwk,
  signed,
  type SigningKey,
} from '../support/signing-keys.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

type Json = Record<string, unknown>;
const AUDIENCE = 'https://voice.example.com';
const OWN_SECRETS = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')] as const;

let stack: Stack;
let idp: IdentityProvider;
let keys: Record<Algorithm, SigningKey>;
/** On the same provider, but of no issuer that the service knows. */
let stranger: SigningKey;

const now = (): number => Math.floor(Date.now() / 1000);

/** An own token: good unless header, claims or secret say otherwise; a claim of undefined is left out. */
function own(
  claims: Json | string = {},
  header: Json = {},
  secret: string | Buffer = OWN_SECRETS[0],
): string {
  const payload =
    typeof claims === 'string' ? claims : { sub: 'acme', iat: now(), exp: now() + 600, ...claims };
  const input = `${encode({ alg: 'HS256', ...header })}.${encode(payload)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** A token of an issuer of the identity provider, good unless claims or header say otherwise. */
function foreign(issuer: string, key: SigningKey, claims: Json = {}, header: Json = {}): string {
  const payload = {
    iss: `${idp.url}/${issuer}`,
    aud: AUDIENCE,
    sub: 'partner',
    iat: now(),
    exp: now() + 600,
    ...claims,
  };
  return signed(key, payload, header);
}

function present(token: string): Promise<Answer> {
  return stack.request('/turn-credentials', { headers: { authorization: `Bearer ${token}` } });
}

async function expectAccepted(token: string): Promise<void> {
  const { status, json } = await present(token);
  expect([status, json._auth_method]).toEqual([200, 'jwt']);
}

async function expectRefused(token: string): Promise<void> {
  const { status, json } = await present(token);
  expect([status, json.error]).toEqual([401, 'unauthorized']);
}

beforeAll(async () => {
  idp = await startIdentityProvider();
  keys = {
    RS256: aSigningKey('RS256'),
    PS256: aSigningKey('PS256'),
    ES256: aSigningKey('ES256'),
    EdDSA: aSigningKey('EdDSA'),
  };
  stranger = aSigningKey('RS256');
  publish(idp, '/jwks', ...Object.values(keys));
  publish(idp, '/jwks-of-one', keys.ES256);
  publish(idp, '/attacker', stranger);
  for (const name of ['discovered', 'crowded', 'flaky']) {
    idp.answers.set(`/${name}/.well-known/openid-configuration`, () => ({
      issuer: `${idp.url}/${name}`,
      jwks_uri: `${idp.url}/${name}/jwks`,
    }));
    publish(idp, `/${name}/jwks`, ...Object.values(keys));
  }
  idp.answers.set('/lying/.well-known/openid-configuration', () => ({
    issuer: `${idp.url}/discovered`,
    jwks_uri: `${idp.url}/jwks`,
  }));
  idp.answers.set('/garbage-jwks', () => '<html>');
  idp.answers.set('/odd-jwks', () => ({ keys: 'none' }));
  const issuer = (name: string, more: Json = {}): Json => ({
    issuer: `${idp.url}/${name}`,
    audience: AUDIENCE,
    ...more,
  });
  const jwksUri = `${idp.url}/jwks`;
  const partner = (name: string, more: Json = {}): Json => ({
    ...aClient('partner', PROJECT, { issuer: `${idp.url}/${name}`, ...more }),
    metadata: { name: `partner-${name}` },
  });
  stack = await startStack({
    environment: {
      VESTIBULE_JWT_SECRET: OWN_SECRETS.join(','),
      VESTIBULE_JWT_ISSUERS: JSON.stringify([
        issuer('main', { jwksUri }),
        issuer('narrow', { jwksUri, algorithms: ['ES256', 'EdDSA'] }),
        issuer('other', { jwksUri: `${idp.url}/jwks-of-one` }),
        issuer('claiming', { jwksUri, clientClaim: 'azp' }),
        issuer('discovered'),
        issuer('crowded'),
        issuer('flaky'),
        issuer('lying'),
        issuer('unlisted'),
        issuer('garbage', { jwksUri: `${idp.url}/garbage-jwks` }),
        issuer('odd', { jwksUri: `${idp.url}/odd-jwks` }),
        // Port 1 of loopback refuses.
        issuer('away', { jwksUri: 'http://127.0.0.1:1/jwks' }),
      ]),
    },
    manifests: (baseUrl) => [
      aProject(baseUrl, 'proj_other'),
      aSecret('proj_other', aKey()),
      aClient('acme', PROJECT),
      aClient('fresh', PROJECT, { tokensNotBefore: new Date((now() - 100) * 1000).toISOString() }),
      aClient('twin', PROJECT),
      { ...aClient('twin', 'proj_other', { issuer: `${idp.url}/main` }), metadata: { name: 'foreign-twin' } },
      ...[
        'main',
        'narrow',
        'other',
        'claiming',
        'discovered',
        'crowded',
        'flaky',
        'lying',
        'garbage',
        'odd',
        'away',
      ].map((name) => partner(name)),
    ],
  });
});
afterAll(async () => {
  await stack.stop();
  idp.close();
});

describe('an own token', () => {
  it.each<[string, () => string]>([
    ['signed with the first secret', () => own()],
    ['signed with the second secret', () => own({}, {}, OWN_SECRETS[1])],
    ['with issuer and audience', () => own({ iss: 'vestibule', aud: 'vestibule' })],
    ['without iat', () => own({ iat: undefined })],
    ['with further claims', () => own({ scope: 'all', nbf: now() - 5 })],
    [
      'with a key and URLs in its header, which are ignored',
      () =>
        own(
          {},
          {
            kid: '../../etc/passwd',
            jku: `${idp.url}/attacker`,
            x5u: `${idp.url}/attacker`,
            jwk: { kty: 'oct', k: 'AA' },
          },
        ),
    ],
    ['expired 20 s ago, within the skew', () => own({ exp: now() - 20 })],
    ['valid in 20 s, within the skew', () => own({ nbf: now() + 20 })],
    ['issued in 20 s, within the skew', () => own({ iat: now() + 20 })],
  ])('is accepted %s', async (_what, token) => {
    await expectAccepted(token());
  });

  it.each<[string, () => string]>([
    ['with another secret', () => own({}, {}, randomBytes(24).toString('hex'))],
    ['with an empty secret', () => own({}, {}, Buffer.from('A'))],
    ['with both secrets as one', () => own({}, {}, OWN_SECRETS.join(','))],
    [
      'not at all, alg none',
      () => `${encode({ alg: 'none' })}.${encode({ sub: 'acme', exp: now() + 600 })}.`,
    ],
    [
      'not at all, alg nOnE',
      () => `${encode({ alg: 'nOnE' })}.${encode({ sub: 'acme', exp: now() + 600 })}.`,
    ],
    ['as alg none', () => own({}, { alg: 'none' })],
    ['as alg HS512', () => own({}, { alg: 'HS512' })],
    ['as alg hs256', () => own({}, { alg: 'hs256' })],
    ['as no alg', () => own({}, { alg: undefined })],
    ['as a list of algs', () => own({}, { alg: ['HS256'] })],
    ['as RS256', () => own({}, { alg: 'RS256' })],
    [
      'with the key in its own header',
      () => own({}, { jwk: { kty: 'oct', k: Buffer.from('attacker').toString('base64url') } }, 'attacker'),
    ],
    ['with the empty file that its kid names', () => own({}, { kid: '../../../../dev/null' }, '')],
    ['with what its kid makes SQL answer', () => own({}, { kid: `x' UNION SELECT 'attacker` }, 'attacker')],
    ['with a kid of 5 KB', () => own({}, { kid: 'k'.repeat(5000) }, 'attacker')],
    [
      'by an asymmetric key in its own header',
      () =>
        foreign('', stranger, { iss: undefined, aud: undefined, sub: 'acme' }, { jwk: publicJwk(stranger) }),
    ],
    [
      'by an asymmetric key that its jku names',
      () =>
        foreign(
          '',
          stranger,
          { iss: 'vestibule', aud: undefined, sub: 'acme' },
          { jku: `${idp.url}/attacker`, x5u: `${idp.url}/attacker` },
        ),
    ],
  ])('is refused when signed %s', async (_what, token) => {
    await expectRefused(token());
  });

  it.each<[string, Json]>([
    ['a sub is missing', { sub: undefined }],
    ['sub is empty', { sub: '' }],
    ['sub is a number', { sub: 5 }],
    ['sub is null', { sub: null }],
    ['sub is a list', { sub: ['acme'] }],
    ['sub is unknown', { sub: 'nobody' }],
    ['sub is in another case', { sub: 'ACME' }],
    ['sub is a property of every object', { sub: '__proto__' }],
    ['an exp is missing', { exp: undefined }],
    ['exp is text', { exp: '99999999999' }],
    ['exp is null', { exp: null }],
    ['exp is true', { exp: true }],
    ['exp is 0', { exp: 0 }],
    ['it expired beyond the skew', { exp: now() - 40 }],
    ['nbf is text', { nbf: '0' }],
    ['nbf is null', { nbf: null }],
    ['it is not valid yet', { nbf: now() + 300 }],
    ['iat is text', { iat: '0' }],
    ['iat is null', { iat: null }],
    ['it was issued in the future', { iat: now() + 300 }],
    ['iss is unknown', { iss: 'https://idp.example.com' }],
    ['iss is empty', { iss: '' }],
    ['iss is null', { iss: null }],
    ['iss is a number', { iss: 0 }],
    ['iss is a list', { iss: ['vestibule'] }],
    ['iss is in another case', { iss: 'Vestibule' }],
    ['aud is another', { aud: 'other' }],
    ['aud is a list of others', { aud: ['other'] }],
    ['aud is null', { aud: null }],
    ['aud is a number', { aud: 0 }],
  ])('is refused when %s, also once its signature is known', async (_what, claims) => {
    const token = own(claims);
    await expectRefused(token);
    await expectRefused(token);
  });

  it.each<[string, Json]>([
    ['exp', { crit: ['exp'] }],
    ['nothing', { crit: [] }],
    ['null', { crit: null }],
    ['b64', { crit: ['b64'], b64: true }],
    ['what nobody knows', { crit: ['x'], x: 1 }],
  ])('is refused when its crit says %s', async (_what, header) => {
    await expectRefused(own({}, header));
  });

  it.each<[string, () => string]>([
    ['without a signature', () => own().replace(/\.[^.]*$/, '')],
    ['with an empty signature', () => own().replace(/[^.]*$/, '')],
    ['with half a signature', () => own().slice(0, -20)],
    ['with one more part', () => `${own()}.x`],
    ['with a part before it', () => `x.${own()}`],
    ['as an encrypted one', () => `${own()}.x.x`],
    [
      'with another’s claims',
      () => [own().split('.')[0], own({ sub: 'twin' }).split('.')[1], own().split('.')[2]].join('.'),
    ],
    ['of garbage', () => 'a.b.c'],
    ['of dots', () => '....'],
    ['of base64 garbage', () => [1, 2, 3].map(() => randomBytes(40).toString('base64url')).join('.')],
    ['whose claims are no JSON', () => own('{"sub":"acme"')],
    ['whose claims are a list', () => own('["acme"]')],
    ['whose claims are null', () => own('null')],
    ['whose claims are text', () => own('"acme"')],
    ['of more than 8 KiB', () => own({ padding: 'p'.repeat(7000) })],
  ])('is refused %s', async (_what, token) => {
    await expectRefused(token());
  });

  it('is refused when it is older than its client’s tokensNotBefore, or does not tell', async () => {
    await expectAccepted(own({ sub: 'fresh' }));
    await expectRefused(own({ sub: 'fresh', iat: now() - 200 }));
    await expectRefused(own({ sub: 'fresh', iat: undefined }));
  });

  it('does not speak for a client of an issuer', async () => {
    await expectRefused(own({ sub: 'partner' }));
  });
});

describe('an issuer’s token', () => {
  it.each<Algorithm>(['RS256', 'PS256', 'ES256', 'EdDSA'])('is accepted when signed by %s', async (alg) => {
    await expectAccepted(foreign('main', keys[alg]));
    await expectAccepted(foreign('discovered', keys[alg]));
  });

  it.each<[string, () => string]>([
    ['audiences of which one is ours', () => foreign('main', keys.RS256, { aud: ['x', AUDIENCE] })],
    [
      'no sub but the configured claim',
      () => foreign('claiming', keys.RS256, { sub: undefined, azp: 'partner' }),
    ],
    [
      'another’s sub beside the configured claim',
      () => foreign('claiming', keys.RS256, { sub: 'x', azp: 'partner' }),
    ],
    ['no kid, where one key fits', () => foreign('main', keys.ES256, {}, { kid: undefined })],
  ])('is accepted with %s', async (_what, token) => {
    await expectAccepted(token());
  });

  it('speaks for its issuer’s client, and an own token for the own client of the same name', async () => {
    const projectOf = async (token: string): Promise<unknown> => {
      const { json } = await stack.request('/session', {
        body: {},
        headers: { authorization: `Bearer ${token}` },
      });
      return json.metadata.project_id;
    };
    expect(await projectOf(own({ sub: 'twin' }))).toBe(PROJECT);
    expect(await projectOf(foreign('main', keys.ES256, { sub: 'twin' }))).toBe('proj_other');
  });

  it.each<[string, () => string]>([
    ['a client without issuer', () => foreign('main', keys.RS256, { sub: 'acme' })],
    ['another audience', () => foreign('main', keys.RS256, { aud: 'other' })],
    [
      'an audience that only begins like ours',
      () => foreign('main', keys.RS256, { aud: `${AUDIENCE}.evil.net` }),
    ],
    ['no audience', () => foreign('main', keys.RS256, { aud: undefined })],
    ['the audience of own tokens', () => foreign('main', keys.RS256, { aud: 'vestibule' })],
    ['an issuer with a slash more', () => foreign('main/', keys.RS256)],
    ['no exp', () => foreign('main', keys.RS256, { exp: undefined })],
    ['an exp long past', () => foreign('main', keys.RS256, { exp: now() - 40 })],
    ['an iat in the future', () => foreign('main', keys.RS256, { iat: now() + 300 })],
    ['a nbf in the future', () => foreign('main', keys.RS256, { nbf: now() + 300 })],
    ['a crit', () => foreign('main', keys.RS256, {}, { crit: ['x'], x: 1 })],
    ['no configured claim', () => foreign('claiming', keys.RS256)],
    ['a configured claim that is no text', () => foreign('claiming', keys.RS256, { azp: ['partner'] })],
    ['an algorithm that the issuer may not use', () => foreign('narrow', keys.RS256)],
    ['a key of another issuer', () => foreign('other', keys.RS256)],
    ['a stranger’s key', () => foreign('main', stranger)],
    ['a stranger’s key under a good kid', () => foreign('main', stranger, {}, { kid: keys.RS256.kid })],
    ['a stranger’s key in its header', () => foreign('main', stranger, {}, { jwk: publicJwk(stranger) })],
    [
      'a stranger’s key behind its jku and x5u',
      () => foreign('main', stranger, {}, { jku: `${idp.url}/attacker`, x5u: `${idp.url}/attacker` }),
    ],
    ['the kid of a key of another kind', () => foreign('main', keys.ES256, {}, { kid: keys.RS256.kid })],
    ['a kid that is a path', () => foreign('main', stranger, {}, { kid: '../../attacker' })],
    ['a kid that is no text', () => foreign('main', keys.RS256, {}, { kid: { $ne: 1 } })],
    ['RS256 where the key is for PS256', () => foreign('main', { ...keys.PS256, alg: 'RS256' })],
    ['no signature, alg none', () => foreign('main', keys.RS256, {}, { alg: 'none' }).replace(/[^.]*$/, '')],
    ['an own secret', () => own({ iss: `${idp.url}/main`, aud: AUDIENCE, sub: 'partner' })],
    [
      'the public key as an HMAC secret',
      () =>
        own(
          { iss: `${idp.url}/main`, aud: AUDIENCE, sub: 'partner' },
          { kid: keys.RS256.kid },
          createPublicKey(keys.RS256.privateKey).export({ format: 'pem', type: 'spki' }),
        ),
    ],
  ])('is refused with %s', async (_what, token) => {
    await expectRefused(token());
  });

  it('never makes the service ask where its header points', () => {
    expect(idp.asked).toContain('/jwks');
    expect(idp.asked).not.toContain('/attacker');
  });

  it('makes the service fetch keys once for all that wait for them', async () => {
    await Promise.all(Array.from({ length: 40 }, () => expectAccepted(foreign('crowded', keys.ES256))));
    expect(idp.asked.filter((path) => path.startsWith('/crowded/'))).toEqual([
      '/crowded/.well-known/openid-configuration',
      '/crowded/jwks',
    ]);
  });

  it.each([
    ['refuses connections', 'away'],
    ['answers errors', 'unlisted'],
    ['publishes no JSON', 'garbage'],
    ['publishes no list of keys', 'odd'],
    ['names itself differently', 'lying'],
  ])('is neither accepted nor refused while its issuer %s: 503', async (_what, issuer) => {
    const { status, json, headers } = await present(foreign(issuer, keys.RS256));
    expect([status, json.error]).toEqual([503, 'unavailable']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('is accepted soon after its issuer is back', async () => {
    const discovery = '/flaky/.well-known/openid-configuration';
    const [document, published] = [idp.answers.get(discovery)!, idp.answers.get('/flaky/jwks')!];
    idp.answers.delete(discovery);
    idp.answers.delete('/flaky/jwks');
    const token = foreign('flaky', keys.EdDSA);
    expect((await present(token)).status).toBe(503);
    idp.answers.set(discovery, document);
    expect((await present(token)).status).toBe(503);
    idp.answers.set('/flaky/jwks', published);
    await until(
      'the pause after a failure is over',
      async () => (await present(token)).status === 200,
      3_000,
    );
  });

  it('is accepted when its key is new, once the keys are half a minute old, and refused when its key is gone', async () => {
    const [before, after] = [aSigningKey('ES256'), aSigningKey('ES256')];
    const issuer = `${idp.url}/rotating`;
    const clientKey = tokenKey(issuer, 'partner');
    const { jwtIssuers } = loadSettings({
      VESTIBULE_JWT_ISSUERS: JSON.stringify([{ issuer, audience: AUDIENCE, jwksUri: `${issuer}/jwks` }]),
    });
    const clock = new SystemClock();
    const verifier = new TokenVerifier(new OwnTokens([], clock), jwtIssuers, clock);
    publish(idp, '/rotating/jwks', before);
    await expect(verifier.verify(foreign('rotating', before))).resolves.toMatchObject({ clientKey });
    publish(idp, '/rotating/jwks', after);
    const systemNow = Date.now;
    // jose reads this clock for the age of the keys.
    Date.now = () => systemNow() + 31_000;
    try {
      await expect(verifier.verify(foreign('rotating', after))).resolves.toMatchObject({
        clientKey,
      });
      await expect(verifier.verify(foreign('rotating', before))).rejects.toThrow();
    } finally {
      Date.now = systemNow;
    }
  });
});

it('a refusal tells the same whatever is wrong with a token', async () => {
  const answers = await Promise.all(
    [own({ exp: 0 }), own({}, {}, 'x'), own({ sub: 'nobody' }), 'garbage', foreign('main', stranger)].map(
      present,
    ),
  );
  const [first, ...others] = answers.map(({ status, text, json }) => [
    status,
    text.replace(json.request_id, ''),
  ]);
  for (const other of others) expect(other).toEqual(first);
});
