import { generateKeyPairSync } from 'node:crypto';
import { SystemClock } from '../../src/common/clock.ts';
import { operatorMetrics } from '../../src/operator/operator-metrics.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { OpsServer } from '../../src/telemetry/ops-server.ts';
import { Readiness } from '../../src/telemetry/readiness.ts';
import { certificateMetrics } from '../../src/vault/sealing/certificate-metrics.ts';
import { readCertificate } from '../../src/vault/sealing/sealing-certificate.ts';
import { aCertificate } from '../support/certificates.ts';

const DAY_MS = 86_400_000;

/** The figures that a replica in a cluster has beside the others, by the code that it has them from. */
export async function startClusterReplica(): Promise<{ address: string; stop(): Promise<void> }> {
  const clock = new SystemClock();
  const metrics = new Metrics(clock);
  metrics.setActive(new Map());
  const queue = operatorMetrics(metrics.registry, { leads: true });
  queue.onAdded();
  queue.onDepth(0);
  queue.onDone(0.01);
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const times = { notBefore: clock.now() - DAY_MS, notAfter: clock.now() + 3650 * DAY_MS };
  const certificate = readCertificate(aCertificate(publicKey, times), clock.now());
  certificateMetrics(metrics.registry, { current: () => Promise.resolve(certificate) });
  const ops = new OpsServer(metrics, new Readiness(), () => {
    queue.onDone(0.01);
    return Promise.resolve();
  });
  const port = await ops.listen(0, '127.0.0.1');
  return { address: `127.0.0.1:${port}`, stop: () => ops.close() };
}
