import { SettingsError } from '../../config/load-settings.ts';
import { KubernetesError } from '../../kubernetes/kubernetes-error.ts';
import { judgeCluster, type Kind, tellUnreached } from './cluster.ts';

describe('the judgement on a cluster', () => {
  it.each<[Kind[], string, RegExp]>([
    [[], 'ok', /^Kubernetes v1\.33\.1 answers$/],
    [[{ name: 'projects.vestibule.dev', installed: true }], 'ok', /answers$/],
    [[{ name: 'projects.vestibule.dev', installed: undefined }], 'ok', /answers$/],
    [[{ name: 'projects.vestibule.dev', installed: false }], 'error', /projects\.vestibule\.dev$/],
    [[{ name: 'sealedsecrets.bitnami.com', installed: false }], 'error', /sealedsecrets\.bitnami\.com$/],
  ])('with %j is %s', (kinds, status, message) => {
    expect(judgeCluster('v1.33.1', kinds)).toMatchObject([
      { status, message: expect.stringMatching(message) },
    ]);
  });

  it('names what installs a kind', () => {
    const fixes = judgeCluster('v1.33.1', [
      { name: 'clients.vestibule.dev', installed: false },
      { name: 'sealedsecrets.bitnami.com', installed: false },
    ]).map(({ fix }) => fix);
    expect(fixes).toEqual([
      expect.stringMatching(/k8s\/crds/),
      expect.stringMatching(/sealed-secrets controller/),
    ]);
  });

  it.each<[unknown, RegExp, RegExp]>([
    [new SettingsError(['there is no cluster']), /^there is no cluster$/, /KUBECONFIG/],
    [new KubernetesError(401, 'Unauthorized', '/version'), /does not know this process/, /credentials/],
    [
      Object.assign(new Error('connect ECONNREFUSED 192.0.2.1:443'), { code: 'ECONNREFUSED' }),
      /not reached: connect ECONNREFUSED/,
      /nothing listens there/,
    ],
    [new KubernetesError(500, 'InternalError', '/version'), /answered 500/, /see what answers/],
  ])('says of %s what to do', (error, message, fix) => {
    expect(tellUnreached(error)).toEqual({
      status: 'error',
      message: expect.stringMatching(message),
      fix: expect.stringMatching(fix),
    });
  });
});
