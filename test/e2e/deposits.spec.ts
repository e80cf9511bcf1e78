import { SEALED_SECRETS_API, CORE_API, pathOf, VESTIBULE_API } from '../../src/kubernetes/resource-paths.ts';
import { fingerprintOf } from '../simulator/simulator.ts';
import { type Answer, ask } from '../support/ask.ts';
import { aKey, aProject } from '../support/manifests.ts';
import { until } from '../support/until.ts';
import { type ClusterStack, startClusterStack } from './support/cluster-stack.ts';
import { kubeseal } from './support/kubeseal.ts';

let stack: ClusterStack;

beforeAll(async () => {
  stack = await startClusterStack({ processes: 2 });
});
afterAll(async () => {
  await stack.stop();
});

const secretOf = (projectId: string): string => `${projectId.replaceAll('_', '-')}-key`;
const sealedPath = (name: string): string =>
  pathOf(SEALED_SECRETS_API, stack.namespaces.keys, 'sealedsecrets', name);
const secretPath = (name: string): string => pathOf(CORE_API, stack.namespaces.keys, 'secrets', name);

async function aKeylessProject(projectId: string): Promise<string> {
  await stack.apply(aProject(stack.simulator.url, projectId, { session: { maxConcurrent: 100 } }));
  await until('both replicas know it', async () => {
    const lists = await Promise.all(stack.services.map(({ url }) => stack.admin('/projects', { base: url })));
    return lists.every(({ text }) => text.includes(`"${projectId}"`));
  });
  return projectId;
}

const deposit = (projectId: string, key: string): Promise<Answer> =>
  stack.admin('/projects/key', { body: { project_id: projectId, openai_key: key } });
const open = (projectId: string, base = stack.url): Promise<Answer> =>
  stack.request('/session', { base, body: { project_id: projectId } });

interface Status {
  keyFingerprint?: string;
  conditions?: { type: string; status: string; reason: string; message: string }[];
}

async function statusOf(projectId: string): Promise<Status> {
  const path = pathOf(
    VESTIBULE_API,
    stack.namespaces.configuration,
    'projects',
    projectId.replaceAll('_', '-'),
  );
  return (await stack.kube.cluster.find(path))?.['status'] ?? {};
}

const reasonIs = async (projectId: string, type: string, reason: string): Promise<boolean> =>
  (await statusOf(projectId)).conditions?.some((one) => one.type === type && one.reason === reason) === true;

it('every replica tells how old the sealing certificate is, before anybody deposits a key', async () => {
  for (const { opsUrl } of stack.services) {
    const figure = async (name: string): Promise<number | undefined> => {
      const { text } = await ask(`${opsUrl}/metrics`);
      const [, seconds] =
        new RegExp(`^sealing_certificate_${name}_timestamp_seconds (.+)$`, 'm').exec(text) ?? [];
      return seconds === undefined ? undefined : Number(seconds);
    };
    const madeAt = await until('the certificate is known', () => figure('not_before'));
    const now = Date.now() / 1000;
    expect(madeAt).toBeLessThanOrEqual(now);
    expect(await figure('expiry')).toBeGreaterThan(now);
  }
});

describe('a deposit', () => {
  it('ends in a session within 3 s, through a SealedSecret and its Secret', async () => {
    const projectId = await aKeylessProject('proj_first');
    const key = aKey();
    const started = performance.now();
    const deposited = await deposit(projectId, key);
    const opened = await open(projectId);
    const seconds = (performance.now() - started) / 1000;
    expect([deposited.status, deposited.json.key_fingerprint]).toEqual([201, fingerprintOf(key)]);
    expect(opened.status).toBe(200);
    expect(seconds).toBeLessThan(3);
    const secret = await stack.kube.cluster.find(secretPath(secretOf(projectId)));
    expect(secret?.metadata.labels).toMatchObject({ 'vestibule.dev/vault': 'true' });
    expect(secret?.['data']).toEqual({ apiKey: Buffer.from(key, 'utf8').toString('base64') });
    await until(
      'status tells',
      async () => (await statusOf(projectId)).keyFingerprint === fingerprintOf(key),
    );
    expect(stack.simulator.seen().by_key[fingerprintOf(key)]?.minted).toBe(1);
  });

  it('makes a Project with the defaults for an id that none configures', async () => {
    const key = aKey();
    expect((await deposit('Proj.Made', key)).status).toBe(201);
    const path = pathOf(VESTIBULE_API, stack.namespaces.configuration, 'projects', 'proj.made');
    expect(await stack.kube.cluster.find(path)).toMatchObject({ spec: { projectId: 'Proj.Made' } });
  });

  it('is accepted by kubeseal --validate, and worth nothing under another name or in another namespace', async () => {
    const projectId = await aKeylessProject('proj_validated');
    expect((await deposit(projectId, aKey())).status).toBe(201);
    const sealed = await stack.kube.cluster.find(sealedPath(secretOf(projectId)));
    await kubeseal(['--validate'], JSON.stringify(sealed));
    const spec = sealed?.['spec'] as { encryptedData: object };
    const copy = (namespace: string, name: string): Promise<unknown> =>
      stack.kube.create(pathOf(SEALED_SECRETS_API, namespace, 'sealedsecrets'), {
        apiVersion: 'bitnami.com/v1alpha1',
        kind: 'SealedSecret',
        metadata: { name },
        spec: {
          encryptedData: spec.encryptedData,
          template: { metadata: { labels: { 'vestibule.dev/vault': 'true' } } },
        },
      });
    const other = await aKeylessProject('proj_copied');
    await copy(stack.namespaces.keys, secretOf(other));
    await copy(stack.namespaces.configuration, secretOf(projectId));
    await until(
      'status says that the copy is not unsealed',
      () => reasonIs(other, 'KeyLoaded', 'SecretNotUnsealed'),
      30_000,
    );
    expect((await open(other)).status).toBe(401);
    await until('the controller refused the other copy, too', async () => {
      const path = pathOf(
        SEALED_SECRETS_API,
        stack.namespaces.configuration,
        'sealedsecrets',
        secretOf(projectId),
      );
      return JSON.stringify((await stack.kube.cluster.find(path))?.['status'] ?? '').includes('"False"');
    });
    expect(
      await stack.kube.cluster.find(
        pathOf(CORE_API, stack.namespaces.configuration, 'secrets', secretOf(projectId)),
      ),
    ).toBeUndefined();
  });

  it('is not needed: what kubeseal sealed and somebody applied is served', async () => {
    const projectId = await aKeylessProject('proj_from_git');
    const key = aKey();
    const name = secretOf(projectId);
    const manifest = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: stack.namespaces.keys, labels: { 'vestibule.dev/vault': 'true' } },
      stringData: { apiKey: key },
    };
    const sealed = JSON.parse(await kubeseal(['--format', 'json'], JSON.stringify(manifest))) as Record<
      string,
      unknown
    >;
    await stack.kube.create(pathOf(SEALED_SECRETS_API, stack.namespaces.keys, 'sealedsecrets'), sealed);
    await until('it opens sessions', async () => (await open(projectId)).status === 200);
    expect(stack.simulator.seen().by_key[fingerprintOf(key)]?.minted).toBe(1);
  });

  it('does nothing while the controller does not give its certificate', async () => {
    const service = await stack.addService({
      VESTIBULE_SEALING_CONTROLLER: `${stack.namespaces.keys}/nobody`,
    });
    const [projectId, key] = ['proj_undone', aKey()];
    const refused = await stack.admin('/projects/key', {
      base: service.url,
      body: { project_id: projectId, openai_key: key },
    });
    expect([refused.status, refused.json.error]).toEqual([503, 'unavailable']);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    const path = pathOf(VESTIBULE_API, stack.namespaces.configuration, 'projects', 'proj-undone');
    expect(await stack.kube.cluster.find(path)).toBeUndefined();
    expect(await stack.kube.cluster.find(sealedPath(secretOf(projectId)))).toBeUndefined();
    const saved = await stack.database.query(
      "SELECT FROM audit_events WHERE event = 'vault_key_saved' AND detail->>'key_fingerprint' = $1",
      [fingerprintOf(key)],
    );
    expect(saved).toEqual([]);
    await service.stop();
    stack.services.pop();
  });

  it('that could not be unsealed completes when it is repeated', async () => {
    const projectId = await aKeylessProject('proj_patient');
    const name = secretOf(projectId);
    const secrets = pathOf(CORE_API, stack.namespaces.keys, 'secrets');
    await stack.kube.create(secrets, { metadata: { name }, stringData: { other: 'of nobody' } });
    const key = aKey();
    expect((await deposit(projectId, key)).status).toBe(503);
    await stack.kube.patch(`${secrets}/${name}`, {
      metadata: { annotations: { 'sealedsecrets.bitnami.com/managed': 'true' } },
    });
    const completed = await deposit(projectId, key);
    expect([completed.status, completed.json.key_fingerprint]).toEqual([201, fingerprintOf(key)]);
    expect((await open(projectId)).status).toBe(200);
  });

  it('of the key that is there already is answered when the controller has unsealed it again', async () => {
    const projectId = await aKeylessProject('proj_same');
    const key = aKey();
    expect((await deposit(projectId, key)).status).toBe(201);
    expect((await deposit(projectId, key)).status).toBe(200);
    const sealed = await stack.kube.cluster.find(sealedPath(secretOf(projectId)));
    expect(sealed?.metadata.generation).toBe(2);
    expect(sealed?.['status']).toMatchObject({ observedGeneration: 2 });
  });

  it('says why when a Secret that is nobody’s stands in the way', async () => {
    const projectId = await aKeylessProject('proj_blocked');
    const name = secretOf(projectId);
    await stack.kube.create(pathOf(CORE_API, stack.namespaces.keys, 'secrets'), {
      metadata: { name },
      stringData: { apiKey: aKey() },
    });
    await until(
      'status says that it has no label',
      () => reasonIs(projectId, 'KeyLoaded', 'SecretNotLabelled'),
      30_000,
    );
    const refused = await deposit(projectId, aKey());
    expect([refused.status, refused.json.message]).toEqual([
      503,
      expect.stringContaining('not managed by SealedSecret') as string,
    ]);
  });
});

describe('a key', () => {
  it('is replaced by a rotation, and removed with its SealedSecret, on every replica', async () => {
    const projectId = await aKeylessProject('proj_rotated');
    const [first, second] = [aKey(), aKey()];
    expect((await deposit(projectId, first)).status).toBe(201);
    const rotated = await stack.admin('/projects/key/rotate', {
      body: { project_id: projectId, openai_key: second },
    });
    expect([rotated.status, rotated.json.key_fingerprint]).toEqual([200, fingerprintOf(second)]);
    const removed = await stack.admin('/projects/key', { method: 'DELETE', body: { project_id: projectId } });
    expect(removed.status).toBe(200);
    expect(await stack.kube.cluster.find(sealedPath(secretOf(projectId)))).toBeUndefined();
    for (const { url } of stack.services) {
      await until('it opens no session', async () => (await open(projectId, url)).status === 401, 1_000);
    }
    await until('status tells', () => reasonIs(projectId, 'KeyLoaded', 'KeyMissing'), 30_000);
  });

  it('that a Secret is made of by hand is served, and not removed by the API', async () => {
    const projectId = await aKeylessProject('proj_by_hand');
    await stack.kube.putSecret(stack.namespaces.keys, secretOf(projectId), { apiKey: aKey() });
    await until('it opens sessions', async () => (await open(projectId)).status === 200);
    const kept = await stack.admin('/projects/key', { method: 'DELETE', body: { project_id: projectId } });
    expect([kept.status, kept.json.message]).toEqual([503, expect.stringContaining('by hand') as string]);
  });

  it('that the provider rejects is told in status, and tried by the next session all the same', async () => {
    const projectId = await aKeylessProject('proj_revoked');
    const key = aKey();
    expect((await deposit(projectId, key)).status).toBe(201);
    stack.simulator.revoke(fingerprintOf(key));
    // By the replica that does not write status, or does: both have to be enough.
    for (const { url } of stack.services) expect((await open(projectId, url)).status).toBe(502);
    await until('status tells', () => reasonIs(projectId, 'KeyLoaded', 'KeyRejected'), 15_000);
    stack.simulator.restore(fingerprintOf(key));
    expect((await open(projectId, stack.services[1]!.url)).status).toBe(200);
    await until('status takes it back', () => reasonIs(projectId, 'KeyLoaded', 'KeyLoaded'), 15_000);
  });

  it('goes through the vault’s health check', async () => {
    const { json } = await stack.admin('/health/vault');
    expect(json).toEqual({ status: 'healthy', round_trip_ms: expect.any(Number) as number });
  });
});
