import type { Access } from '../access-reviews.ts';
import { judgePowers, neededIn, type Powers, risksOf } from './permissions.ts';

const SETTINGS = { namespace: 'voice', keyNamespace: 'voice-keys', tokenReview: 'off' } as const;
const NEEDED = neededIn(SETTINGS);
const WHO = 'system:serviceaccount:voice:vestibule';
const SOUND: Powers = {
  who: WHO,
  needed: NEEDED,
  missing: [],
  everything: [],
  risks: [],
  allowed: NEEDED,
  complete: true,
};
const inKeys = (access: Partial<Access>): Access => ({
  namespace: 'voice-keys',
  group: '',
  resource: 'secrets',
  verb: 'get',
  ...access,
});
const riskOf = (about: Partial<Access>): Powers['risks'] =>
  risksOf(SETTINGS).filter((risk) =>
    Object.entries(about).every(([field, value]) => risk[field as keyof Access] === value),
  );

describe('the judgement on what the service may do', () => {
  it('has nothing to say against exactly what is needed', () => {
    expect(judgePowers(SOUND)).toEqual([
      { status: 'ok', message: `${WHO} may do the ${NEEDED.length} things that are needed, and no more` },
    ]);
    const itself = inKeys({
      group: 'authorization.k8s.io',
      resource: 'selfsubjectrulesreviews',
      verb: 'create',
    });
    expect(judgePowers({ ...SOUND, allowed: [...NEEDED, itself] })).toMatchObject([{ status: 'ok' }]);
    expect(judgePowers({ ...SOUND, complete: false })).toMatchObject([
      { status: 'ok', message: expect.stringMatching(/cannot list all/) },
    ]);
  });

  it.each(NEEDED.map((access) => [access.feature, access] as const))(
    'names what does not work without %s',
    (feature, access) => {
      const [finding, ...others] = judgePowers({ ...SOUND, missing: [access] });
      expect(others).toEqual([]);
      expect(finding).toMatchObject({
        status: 'error',
        message: expect.stringMatching(
          `^${WHO} may not ${access.verb} .* in namespace ${access.namespace ?? ''}: `,
        ),
        fix: expect.stringMatching(`^apply k8s/rbac/${access.where}\\.yaml`),
      });
      expect(finding?.message.endsWith(feature)).toBe(true);
    },
  );

  it('spells resources as kubectl does', () => {
    const told = judgePowers({ ...SOUND, missing: NEEDED }).map(({ message }) => message);
    expect(told).toContainEqual(expect.stringContaining('may not patch projects.vestibule.dev/status in'));
    expect(told).toContainEqual(
      expect.stringContaining('may not get leases.coordination.k8s.io/vestibule-operator in'),
    );
  });

  it.each<[string, Partial<Powers>, RegExp]>([
    [
      'an administrator, once',
      { everything: [undefined, 'voice', 'voice-keys'] },
      /administrator of the whole/,
    ],
    [
      'an administrator of a namespace, once',
      {
        everything: ['voice-keys'],
        risks: riskOf({ namespace: 'voice-keys' }),
        allowed: [inKeys({ group: '*', resource: '*', verb: '*' })],
      },
      /may do everything in namespace voice-keys$/,
    ],
    [
      'who writes Secrets, with all verbs at once',
      {
        risks: [
          ...riskOf({ namespace: 'voice-keys', resource: 'secrets', verb: 'create' }),
          ...riskOf({ namespace: 'voice-keys', resource: 'secrets', verb: 'patch' }),
        ],
        allowed: [...NEEDED, inKeys({ verb: 'create' }), inKeys({ verb: 'patch' })],
      },
      /may create, patch secrets in namespace voice-keys: keys come from/,
    ],
    [
      'who reads all Secrets',
      { risks: riskOf({ namespace: undefined, resource: 'secrets' }) },
      /may list secrets in the whole cluster: /,
    ],
    [
      'who reads Secrets beside the keys',
      { risks: riskOf({ namespace: 'voice', resource: 'secrets', verb: 'list' }) },
      /may list secrets in namespace voice: keys are in another namespace/,
    ],
    [
      'who enters pods',
      { risks: riskOf({ namespace: 'voice', resource: 'pods/exec' }) },
      /may create pods\/exec in namespace voice: it enters other pods/,
    ],
    [
      'all else that nothing needs, in one',
      {
        allowed: [
          ...NEEDED,
          inKeys({ resource: 'configmaps', verb: 'list' }),
          inKeys({ resource: 'configmaps', verb: '*', resourceName: 'one' }),
        ],
      },
      /may do in namespace voice-keys what nothing here needs: list configmaps, \* configmaps\/one$/,
    ],
    [
      'a name that is not asked for',
      {
        allowed: [
          ...NEEDED,
          { namespace: 'voice', group: 'coordination.k8s.io', resource: 'leases', verb: 'get' },
        ],
      },
      /needs: get leases\.coordination\.k8s\.io$/,
    ],
    [
      'TokenReview that is off',
      {
        allowed: [
          ...NEEDED,
          inKeys({ group: 'authentication.k8s.io', resource: 'tokenreviews', verb: 'create' }),
        ],
      },
      /needs: create tokenreviews\.authentication\.k8s\.io$/,
    ],
  ])('warns of %s', (_who, changed, message) => {
    expect(judgePowers({ ...SOUND, ...changed })).toEqual([
      { status: 'warning', message: expect.stringMatching(message), fix: expect.stringMatching(/k8s\/rbac/) },
    ]);
  });

  it('takes TokenReview for needed when it is on', () => {
    const needed = neededIn({ ...SETTINGS, tokenReview: 'on' });
    const review = inKeys({ group: 'authentication.k8s.io', resource: 'tokenreviews', verb: 'create' });
    expect(judgePowers({ ...SOUND, needed, allowed: [...needed, review] })).toMatchObject([{ status: 'ok' }]);
    const missing = needed.filter(({ where }) => where === 'cluster');
    expect(judgePowers({ ...SOUND, needed, missing })).toMatchObject([
      {
        message: expect.stringMatching(/tokenreviews\.authentication\.k8s\.io in the whole cluster/),
        fix: expect.stringMatching(/^apply k8s\/rbac\/token-review\.yaml/),
      },
    ]);
  });

  it('takes reading Secrets for needed where keys and configuration are together', () => {
    const together = { ...SETTINGS, keyNamespace: 'voice' };
    const risks = risksOf(together).filter(
      ({ resource, namespace }) => resource === 'secrets' && namespace === 'voice',
    );
    expect(risks.map(({ verb }) => verb)).toEqual([
      'create',
      'update',
      'patch',
      'delete',
      'deletecollection',
    ]);
  });
});
