import { rulesOf } from '../../scripts/rbac/rules.ts';
import { roleManifests } from '../../scripts/rbac/manifests.ts';
import { PERMISSIONS, permissionsFor } from './permissions.ts';

const secrets = { where: 'keys', group: '', resource: 'secrets' } as const;

describe('the roles', () => {
  it('have one rule for all verbs on the same objects', () => {
    expect(
      rulesOf([
        { ...secrets, verb: 'list' },
        { ...secrets, verb: 'get', resourceName: 'one' },
        { ...secrets, verb: 'watch' },
        { ...secrets, verb: 'list' },
        { ...secrets, verb: 'update', resourceName: 'one' },
        { ...secrets, group: 'other', verb: 'list' },
      ]),
    ).toEqual([
      { apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['one'], verbs: ['get', 'update'] },
      { apiGroups: ['other'], resources: ['secrets'], verbs: ['list'] },
    ]);
  });

  it('grant each verb that is asked for, and nothing in all namespaces but TokenReview', () => {
    const granted = [...roleManifests().values()]
      .flat()
      .flatMap((manifest) =>
        manifest.kind === 'Role' || manifest.kind === 'ClusterRole' ? manifest.rules : [],
      );
    const verbs = granted.flatMap(({ apiGroups, resources, resourceNames, verbs: some }) =>
      some.map((verb) => [apiGroups[0], resources[0], resourceNames?.[0], verb].join()),
    );
    expect(verbs.sort()).toEqual(
      PERMISSIONS.map(({ group, resource, resourceName, verb }) =>
        [group, resource, resourceName, verb].join(),
      ).sort(),
    );
    expect(permissionsFor({ tokenReview: 'off' }).filter(({ where }) => where === 'cluster')).toEqual([]);
    expect(permissionsFor({ tokenReview: 'on' })).toEqual(PERMISSIONS);
  });
});
