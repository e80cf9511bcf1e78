import { Gauge } from 'prom-client';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { CertificateSource } from './certificate-source.ts';

/**
 * Since when and until when the sealing certificate holds, as last had: each look at the figures has it asked for, where
 * none is kept, and does not wait for it. There are no figures before the first.
 */
export function certificateMetrics(
  registry: Metrics['registry'],
  certificates: Pick<CertificateSource, 'current'>,
): void {
  const expiry = new Gauge({
    name: 'sealing_certificate_expiry_timestamp_seconds',
    help: 'When the certificate that keys are sealed under expires, in unix seconds',
    registers: [registry],
  });
  let asking = false;
  const ask = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      const { notBefore: from, notAfter } = await certificates.current();
      notBefore.set(from / 1000);
      expiry.set(notAfter / 1000);
    } catch {
      // A deposit says why, and so does the doctor: here the last figures stay.
    } finally {
      asking = false;
    }
  };
  const notBefore: Gauge = new Gauge({
    name: 'sealing_certificate_not_before_timestamp_seconds',
    help: 'When the certificate that keys are sealed under was made, in unix seconds',
    registers: [registry],
    collect: () => {
      void ask();
    },
  });
  // A gauge without labels begins at 0, which would be a certificate of 1970.
  for (const gauge of [notBefore, expiry]) gauge.remove();
}
