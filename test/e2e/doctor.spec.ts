import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretString } from '../../src/common/secret-string.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { PERMISSIONS, type Permission } from '../../src/kubernetes/permissions.ts';
import { CORE_API, pathOf, SEALED_SECRETS_API, VESTIBULE_API } from '../../src/kubernetes/resource-paths.ts';
import type { KubernetesVault } from '../../src/vault/kubernetes-vault.ts';
import { aKey, aProject } from '../support/manifests.ts';
import { runProgram } from '../support/service-process.ts';
import { until } from '../support/until.ts';
import { createIdentity, configWith, type Identity } from './support/identity.ts';
import { adminConfig, Kube } from './support/kube.ts';
import { startVault } from './support/vault.ts';

const ABOUT_CLUSTERS = ['cluster', 'permissions', 'sealing-certificate', 'sealed-keys', 'manifests'];
const PROJECT = 'proj_sound';
/** Nobody asks it anything: what is looked at is the cluster. */
const PROVIDER = 'http://127.0.0.1:9/v1';

describe('vestibule doctor in a cluster', () => {
  const kube = new Kube();
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-doctor-'));
  const secrets: string[] = [];
  let identity: Identity;
  let vault: KubernetesVault;

  beforeAll(async () => {
    const [configuration, keys] = await Promise.all([
      kube.createNamespace('doctor'),
      kube.createNamespace('doctor-keys'),
    ]);
    identity = await createIdentity(kube, { configuration, keys });
    secrets.push(identity.token);
    vault = await startVault(kube.cluster, keys);
    await addProject(PROJECT);
    await vault.put({ name: keyName(PROJECT), key: 'apiKey' }, new SecretString(newKey()));
  }, 60_000);
  afterAll(async () => {
    vault.stop();
    await identity.remove();
    await kube.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const newKey = (): string => {
    const key = aKey();
    secrets.push(key);
    return key;
  };
  const keyName = (projectId: string): string => `${projectId.replaceAll('_', '-')}-key`;
  const projects = (): string => pathOf(VESTIBULE_API, identity.configuration, 'projects');
  const sealedSecrets = (): string => pathOf(SEALED_SECRETS_API, identity.keys, 'sealedsecrets');
  const plainSecrets = (): string => pathOf(CORE_API, identity.keys, 'secrets');
  const addProject = async (projectId: string): Promise<void> => {
    await kube.create(projects(), aProject(PROVIDER, projectId));
  };
  const removeProject = (projectId: string): Promise<void> =>
    kube.remove(`${projects()}/${projectId.replaceAll('_', '-')}`);

  /** Only what is about the cluster; `wrong` is what is not as it should be. */
  const examine = async (
    changed: Record<string, string> = {},
  ): Promise<{ findings: Finding[]; wrong: Finding[] }> => {
    const { stdout, stderr } = await runProgram(['doctor', '--json'], {
      KUBECONFIG: identity.kubeconfigPath,
      VESTIBULE_VAULT: 'kubernetes',
      VESTIBULE_NAMESPACE: identity.configuration,
      VESTIBULE_KEY_NAMESPACE: identity.keys,
      VESTIBULE_DIR: join(folder, 'none'),
      PORT: '0',
      OPS_PORT: '0',
      ...changed,
    });
    expect(stderr).toBe('');
    for (const secret of secrets) {
      expect(stdout).not.toContain(secret);
      expect(stdout).not.toContain(Buffer.from(secret).toString('base64'));
    }
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const about = findings.filter(({ check }) => ABOUT_CLUSTERS.includes(check));
    const wrong = about.filter(({ status }) => status === 'warning' || status === 'error');
    expect(wrong.filter(({ fix }) => !fix)).toEqual([]);
    expect(findings.find(({ check }) => check === 'files')?.status).toBe('skipped');
    return { findings: about, wrong };
  };
  const kubeconfig = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const versions = async (): Promise<string[]> => {
    const { configuration, keys } = identity;
    const found = await Promise.all(
      [
        projects(),
        sealedSecrets(),
        plainSecrets(),
        pathOf(CORE_API, configuration, 'events'),
        pathOf('/apis/coordination.k8s.io/v1', configuration, 'leases'),
        pathOf(CORE_API, keys, 'events'),
      ].map(async (path) => {
        const { items } = await kube.request<{ items: { metadata: Record<string, string> }[] }>({
          method: 'GET',
          path,
        });
        return items.map(({ metadata: { name, resourceVersion } }) => `${path} ${name} ${resourceVersion}`);
      }),
    );
    return found.flat().sort();
  };

  describe('and its roles', () => {
    afterEach(() => identity.grant());

    it('finds nothing wrong with the roles of k8s/rbac and a key just deposited, and changes nothing', async () => {
      const before = await until('the controller has said what it did', async () => {
        const path = pathOf(SEALED_SECRETS_API, identity.keys, 'sealedsecrets', 'proj-sound-key');
        const sealed = await kube.cluster.find(path);
        return sealed?.['status'] !== undefined && versions();
      });
      const { findings } = await examine();
      expect(findings.map(({ check, status }) => `${check} ${status}`)).toEqual([
        'cluster ok',
        'permissions ok',
        'sealing-certificate ok',
        'sealed-keys ok',
        'manifests ok',
      ]);
      const messages = findings.map(({ message }) => message).join('\n');
      expect(messages).toMatch(/^Kubernetes v1\.\d+\.\d+\S* answers$/m);
      expect(messages).toContain(
        `system:serviceaccount:${identity.configuration}:${identity.account.name} may do`,
      );
      expect(messages).toMatch(/^the certificate sha256:[0-9a-f]{16} of the controller is \d+ days old/m);
      expect(messages).toMatch(/^1 SealedSecrets are unsealed, all sealed by the certificate of today$/m);
      expect(messages).toMatch(/^1 projects with their keys, 0 clients$/m);
      expect(await versions()).toEqual(before);
    });

    it.each<[string, Permission, string[]]>(
      PERMISSIONS.filter(({ when }) => when === undefined).map((permission) => {
        const { where, resource, verb } = permission;
        return [`${verb} ${resource}`, permission, skippedWithout(`${where} ${verb} ${resource}`)];
      }),
    )('finds that the role lacks %s, and that only', async (_name, permission, skipped) => {
      await identity.grant({ without: [permission] });
      const { findings, wrong } = await examine();
      expect(wrong).toEqual([
        {
          check: 'permissions',
          status: 'error',
          message: expect.stringContaining(`this does not work: ${permission.feature}`),
          fix: expect.stringContaining(`apply k8s/rbac/${permission.where}.yaml`),
        },
      ]);
      expect(wrong[0]?.message).toContain(` may not ${permission.verb} `);
      expect(wrong[0]?.message).toContain(` in namespace ${identity[permission.where as 'keys']}:`);
      const notLookedAt = findings.filter(({ status }) => status === 'skipped').map(({ check }) => check);
      expect(notLookedAt).toEqual(skipped);
    });

    it('finds an administrator, once', async () => {
      const { wrong } = await examine({ KUBECONFIG: kubeconfig('admin', adminConfig().exportConfig()) });
      expect(wrong).toEqual([
        {
          check: 'permissions',
          status: 'warning',
          message: expect.stringMatching(/is an administrator of the whole cluster$/),
          fix: expect.stringMatching(/run doctor as the service/),
        },
      ]);
    });

    it('finds an administrator of a namespace, once', async () => {
      await identity.grant({ also: [{ where: 'keys', group: '*', resource: '*', verb: '*' }] });
      const { wrong } = await examine();
      expect(wrong.map(({ message }) => message)).toEqual([
        expect.stringMatching(new RegExp(`may do everything in namespace ${identity.keys}$`)),
      ]);
    });

    it('finds each power that is too much', async () => {
      await identity.grant({
        also: [
          { where: 'keys', group: '', resource: 'secrets', verb: 'update' },
          { where: 'keys', group: '', resource: 'secrets', verb: 'delete' },
          { where: 'configuration', group: '', resource: 'pods/exec', verb: 'create' },
          { where: 'configuration', group: '', resource: 'configmaps', verb: 'list' },
          { where: 'cluster', group: '', resource: 'secrets', verb: 'list' },
        ],
      });
      const { wrong } = await examine();
      expect(wrong.map(({ check, status }) => `${check} ${status}`)).toEqual(
        wrong.map(() => 'permissions warning'),
      );
      const who = `system:serviceaccount:${identity.configuration}:${identity.account.name}`;
      expect(wrong.map(({ message }) => message.replace(who, 'it'))).toEqual([
        'it may list secrets in the whole cluster: it reads every secret of the cluster',
        `it may update, delete secrets in namespace ${identity.keys}: keys come from the sealed-secrets controller alone`,
        `it may list secrets in namespace ${identity.configuration}: keys are in another namespace`,
        `it may create pods/exec in namespace ${identity.configuration}: it enters other pods`,
        `it may do in namespace ${identity.configuration} what nothing here needs: list configmaps`,
      ]);
    });

    it('wants TokenReview when it is on, and only then', async () => {
      const on = { VESTIBULE_TOKEN_REVIEW: 'on' };
      expect((await examine(on)).wrong).toMatchObject([
        { check: 'permissions', status: 'error', fix: expect.stringContaining('token-review.yaml') },
      ]);
      await identity.grant({ tokenReview: true });
      expect((await examine(on)).wrong).toEqual([]);
      expect((await examine()).wrong.map(({ message }) => message)).toEqual([
        expect.stringMatching(/needs: create tokenreviews\.authentication\.k8s\.io$/),
        expect.stringMatching(/needs: create tokenreviews\.authentication\.k8s\.io$/),
      ]);
    });
  });

  describe('and its keys', () => {
    const seal = (name: string, changes: Record<string, unknown> = {}): Promise<unknown> =>
      kube.put(sealedSecrets(), {
        apiVersion: 'bitnami.com/v1alpha1',
        kind: 'SealedSecret',
        metadata: { name },
        spec: {
          encryptedData: { apiKey: Buffer.from('sealed by nobody').toString('base64') },
          template: { metadata: { labels: { 'vestibule.dev/vault': 'true' } } },
        },
        ...changes,
      });
    const judgedUnsealable = (name: string): Promise<unknown> =>
      until('the controller has judged it', async () => {
        const found = await kube.cluster.find(`${sealedSecrets()}/${name}`);
        return (found?.['status'] as { conditions?: unknown[] } | undefined)?.conditions !== undefined;
      });

    it('finds a project without key', async () => {
      await addProject('proj_bare');
      try {
        expect((await examine()).wrong).toEqual([
          {
            check: 'manifests',
            status: 'warning',
            message: expect.stringMatching(
              /^project proj_bare has no key in proj-bare-key\/apiKey, .*: there is no Secret proj-bare-key/,
            ),
            fix: expect.stringMatching(/POST \/projects\/key .*SealedSecret/),
          },
        ]);
      } finally {
        await removeProject('proj_bare');
      }
    });

    it('finds a Secret without label', async () => {
      const name = keyName('proj_unlabelled');
      await addProject('proj_unlabelled');
      const data = { apiKey: Buffer.from(newKey()).toString('base64') };
      await kube.create(plainSecrets(), { metadata: { name }, data });
      try {
        expect((await examine()).wrong).toMatchObject([
          {
            check: 'manifests',
            status: 'warning',
            message: expect.stringMatching(/the Secret proj-unlabelled-key lacks the label/),
            fix: expect.stringMatching(/^add the label/),
          },
        ]);
      } finally {
        await removeProject('proj_unlabelled');
        await kube.remove(`${plainSecrets()}/${name}`);
      }
    });

    it('finds a SealedSecret that cannot be unsealed, and the project that misses it', async () => {
      const name = keyName('proj_garbage');
      await addProject('proj_garbage');
      await seal(name);
      await judgedUnsealable(name);
      try {
        expect((await examine()).wrong).toMatchObject([
          {
            check: 'sealed-keys',
            status: 'error',
            message: expect.stringMatching(/^SealedSecret\/proj-garbage-key was not unsealed: ./),
            fix: expect.stringMatching(/seal it again/),
          },
          {
            check: 'manifests',
            status: 'warning',
            message: expect.stringMatching(/the SealedSecret proj-garbage-key was not unsealed/),
            fix: expect.stringMatching(/seal it again/),
          },
        ]);
      } finally {
        await removeProject('proj_garbage');
        await kube.remove(`${sealedSecrets()}/${name}`);
      }
    });

    it('finds what an older certificate sealed, and what makes a Secret without label', async () => {
      const name = keyName(PROJECT);
      const sound = await kube.cluster.find(`${sealedSecrets()}/${name}`);
      const annotations = { 'sealed-by.vestibule.dev/apiKey': 'sha256:0000000000000000' };
      const template = { metadata: { labels: { 'vestibule.dev/vault': null } } };
      await kube.patch(`${sealedSecrets()}/${name}`, { metadata: { annotations }, spec: { template } });
      try {
        const { findings } = await examine();
        const told = findings.filter(({ check }) => check === 'sealed-keys');
        expect(told).toMatchObject([
          { status: 'warning', message: expect.stringMatching(/without the label vestibule\.dev\/vault/) },
          { status: 'warning', message: expect.stringMatching(/^SealedSecret\/proj-sound-key .*older/) },
        ]);
      } finally {
        await kube.patch(`${sealedSecrets()}/${name}`, {
          metadata: { annotations: sound?.metadata.annotations },
          spec: sound?.['spec'],
        });
        await until('the key is back', () => vault.find({ name, key: 'apiKey' }) !== undefined);
      }
    });

    it('finds keys that no project uses, and a Project whose base URL is not allowed', async () => {
      const ref = { name: 'nobodys-key', key: 'apiKey' };
      await vault.put(ref, new SecretString(newKey()));
      await kube.create(projects(), aProject('https://elsewhere.example/v1', 'proj_far'));
      try {
        const { wrong } = await examine();
        expect(wrong.map(({ message }) => message)).toEqual([
          expect.stringMatching(/^Project\/proj-far \/spec\/provider\/baseUrl is not among/),
          'Secret/nobodys-key: no project uses the Secret nobodys-key',
        ]);
      } finally {
        await vault.remove(ref);
        await removeProject('proj_far');
      }
    });

    it('finds a certificate that cannot be had', async () => {
      const { wrong } = await examine({ VESTIBULE_SEALING_CERT: join(folder, 'no-such.pem') });
      expect(wrong).toMatchObject([
        { check: 'sealing-certificate', status: 'error', fix: expect.stringMatching(/--fetch-cert/) },
      ]);
      const elsewhere = await examine({ VESTIBULE_SEALING_CONTROLLER: `${identity.keys}/none` });
      expect(elsewhere.wrong).toMatchObject([
        { check: 'sealing-certificate', status: 'error', fix: expect.stringMatching(/port 8080/) },
      ]);
    });
  });

  describe('and the API server', () => {
    const skipped = ABOUT_CLUSTERS.filter((check) => check !== 'cluster');
    it.each<[string, () => Promise<string>, RegExp]>([
      ['away', async () => kubeconfig('away', await configOfNobody()), /not reached: .*ECONNREFUSED/],
      [
        'that does not know us',
        () => Promise.resolve(kubeconfig('stranger', configWith(newKey()).exportConfig())),
        /does not know this process/,
      ],
      [
        'that no kubeconfig names',
        () => Promise.resolve(kubeconfig('empty', '{"apiVersion":"v1","kind":"Config"}')),
        /names a current cluster/,
      ],
    ])('tells one %s once', async (_what, path, message) => {
      const { findings, wrong } = await examine({ KUBECONFIG: await path() });
      expect(wrong).toMatchObject([
        { check: 'cluster', status: 'error', message: expect.stringMatching(message) },
      ]);
      const others = findings.filter(({ status }) => status === 'skipped').map(({ check }) => check);
      expect(others).toEqual(skipped);
    });

    /** Where nothing listens. */
    const configOfNobody = async (): Promise<string> => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      server.close();
      const config = configWith(newKey());
      const [cluster] = config.clusters;
      config.clusters = [{ ...cluster!, server: `https://127.0.0.1:${port}` }];
      return config.exportConfig();
    };
  });
});

/** What cannot be looked at, since looking takes that very verb. */
function skippedWithout(permission: string): string[] {
  if (permission === 'keys list sealedsecrets') return ['sealed-keys'];
  const lists = ['configuration list projects', 'configuration list clients', 'keys list secrets'];
  return lists.includes(permission) ? ['manifests'] : [];
}
