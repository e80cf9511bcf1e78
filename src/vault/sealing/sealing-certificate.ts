import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { unavailable } from '../../common/app-error.ts';

/** The certificate under which the sealed-secrets controller's clients seal. */
export interface SealingCertificate {
  publicKey: KeyObject;
  /** SHA-256 of the certificate, as `sha256:` and 16 hex digits. */
  fingerprint: string;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
}

/** Throws for what is no certificate, or none to seal with at this time. */
export function readCertificate(pem: string, now: number): SealingCertificate {
  const certificate = parse(pem);
  const { publicKey, validFromDate, validToDate } = certificate;
  if (publicKey.asymmetricKeyType !== 'rsa') throw unavailable('The sealing certificate has no RSA key.');
  const digest = createHash('sha256').update(certificate.raw).digest('hex');
  const [notBefore, notAfter] = [validFromDate.getTime(), validToDate.getTime()];
  if (now > notAfter) throw unavailable('The sealing certificate has expired.');
  return { publicKey, fingerprint: `sha256:${digest.slice(0, 16)}`, notBefore, notAfter };
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw unavailable('The sealing certificate cannot be read.', error);
  }
}
