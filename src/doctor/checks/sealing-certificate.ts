import type { Clock } from '../../common/clock.ts';
import type { Settings } from '../../config/load-settings.ts';
import type { SealingCertificate } from '../../vault/sealing/sealing-certificate.ts';
import type { ClusterLink } from '../cluster-link.ts';
import { reasonOf } from '../describe.ts';
import { type Found, failure, ok, warning } from '../finding.ts';

const DAY_MS = 24 * 3_600_000;
/** The controller makes a new certificate every 30 days, unless it is told otherwise. */
const RENEWAL_DAYS = 30;
/** One renewal may be late; two did not happen. */
const OLD_DAYS = 2 * RENEWAL_DAYS;
const NEARLY_EXPIRED_DAYS = 30;

type Origin = Pick<Settings, 'sealingController' | 'sealingCertificate'>;

/** Whether there is a certificate to seal with, and for how long. */
export async function checkSealingCertificate(
  link: ClusterLink,
  settings: Origin,
  clock: Clock,
): Promise<Found[]> {
  const { certificates } = await link.reached();
  try {
    return [judgeCertificate(await certificates.current(), settings, clock.now())];
  } catch (error) {
    return [
      failure(
        `keys can be neither deposited nor rotated: there is no sealing certificate: ${reasonOf(error)}`,
        fixOfMissing(settings),
      ),
    ];
  }
}

function fixOfMissing({ sealingController: { namespace, name }, sealingCertificate }: Origin): string {
  return sealingCertificate === undefined
    ? `see that the controller runs and that its Service is ${namespace}/${name} (VESTIBULE_SEALING_CONTROLLER); ` +
        'let this process reach its port 8080 or the API server’s proxy to it, or set VESTIBULE_SEALING_CERT'
    : 'write the controller’s certificate to the file of VESTIBULE_SEALING_CERT: kubeseal --fetch-cert';
}

export function judgeCertificate(
  { fingerprint, notBefore, notAfter }: Omit<SealingCertificate, 'publicKey'>,
  { sealingCertificate }: Pick<Origin, 'sealingCertificate'>,
  now: number,
): Found {
  const age = Math.max(Math.floor((now - notBefore) / DAY_MS), 0);
  const left = Math.floor((notAfter - now) / DAY_MS);
  const from = sealingCertificate === undefined ? 'the controller' : 'the file of VESTIBULE_SEALING_CERT';
  const message = `the certificate ${fingerprint} of ${from} is ${age} days old and expires in ${left} days`;
  if (left >= NEARLY_EXPIRED_DAYS && age <= OLD_DAYS) return ok(message);
  return warning(
    `${message}; the controller should make one every ${RENEWAL_DAYS} days`,
    sealingCertificate === undefined
      ? 'see --key-renew-period and the log of the sealed-secrets controller; then deposit the keys again'
      : 'fetch the certificate of today: kubeseal --fetch-cert; see --key-renew-period of the controller if it is this one',
  );
}
