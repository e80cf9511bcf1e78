import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { aCertificate } from '../../../../support/certificates.ts';
import { PROJECT } from '../../installation.ts';
import { applied } from '../objects.ts';
import { OF, VALUES, type Stage } from '../stage.ts';
import type { Fault } from './fault.ts';

const DAY_MS = 86_400_000;
const CLOCK = readFileSync(new URL('../../../../support/jumping-clock.ts', import.meta.url), 'utf8');
/** Made in the month before last, and good for years. */
const AGE_DAYS = 61;
const LIFE_DAYS = 3_650;
/** The API server says when a key was written, and nobody can have it say another time: replicas live later instead. */
const AHEAD_DAYS = 91;

async function putConfigMaps(stage: Stage): Promise<void> {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const notBefore = Date.now() - AGE_DAYS * DAY_MS;
  const certificate = aCertificate(publicKey, { notBefore, notAfter: notBefore + LIFE_DAYS * DAY_MS });
  const configMap = (name: string, data: Record<string, string>): Record<string, unknown> => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data,
  });
  await applied(stage.installation.namespace, [
    configMap('sealing', { 'tls.crt': certificate }),
    configMap('clock', { 'clock.mts': CLOCK }),
  ]);
}

export const TIME_FAULTS: readonly Fault[] = [
  {
    what: 'nobody renewed keys and certificates for months',
    // A rollout takes minutes of this Prometheus's.
    prepare: async (stage) => {
      await putConfigMaps(stage);
      await stage.installation.helm('upgrade', {
        ...VALUES,
        sealing: { certificate: { configMap: 'sealing' } },
        extraEnv: [
          ...VALUES.extraEnv,
          { name: 'NODE_OPTIONS', value: '--import=/clock/clock.mts' },
          { name: 'CLOCK_AHEAD_MS', value: String(AHEAD_DAYS * DAY_MS) },
        ],
        extraVolumes: [...VALUES.extraVolumes, { name: 'clock', configMap: { name: 'clock' } }],
        extraVolumeMounts: [...VALUES.extraVolumeMounts, { name: 'clock', mountPath: '/clock' }],
      });
    },
    begin: () => Promise.resolve(),
    end: (stage) => stage.installation.helm('upgrade', VALUES),
    fires: [...[PROJECT, ...Object.values(OF)].map((id) => `KeyOld ${id}`), 'SealingCertificateOld'],
    withinMs: 120_000,
  },
];
