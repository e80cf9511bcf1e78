import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { aCertificate } from '../../../test/support/certificates.ts';
import { readCertificate } from './sealing-certificate.ts';

const FROM = Date.parse('2026-01-01T00:00:00Z');
const TO = Date.parse('2036-01-01T00:00:00Z');
const times = { notBefore: FROM, notAfter: TO };
const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

describe('a sealing certificate', () => {
  it('gives its key, the times between which it holds and the fingerprint of all of it', () => {
    const pem = aCertificate(publicKey, times);
    const certificate = readCertificate(pem, FROM);
    const digest = createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
    expect(certificate).toMatchObject({ ...times, fingerprint: `sha256:${digest.slice(0, 16)}` });
    expect(certificate.publicKey.equals(publicKey)).toBe(true);
  });

  it('is good until its last moment, and no longer', () => {
    const pem = aCertificate(publicKey, times);
    expect(readCertificate(pem, TO).notAfter).toBe(TO);
    expect(() => readCertificate(pem, TO + 1)).toThrow('The sealing certificate has expired.');
  });

  it('is good before its time: the clocks of the controller and of this machine may differ', () => {
    expect(readCertificate(aCertificate(publicKey, times), FROM - 1).notBefore).toBe(FROM);
  });

  it('is none without an RSA key', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    const read = (): unknown => readCertificate(aCertificate(other, times), FROM);
    expect(read).toThrow('The sealing certificate has no RSA key.');
  });

  it.each([
    ['no PEM', 'not found'],
    ['no certificate', publicKey.export({ type: 'spki', format: 'pem' }).toString()],
  ])('is refused with a 503 when it is %s', (_what, text) => {
    expect(() => readCertificate(text, FROM)).toThrow(
      expect.objectContaining({ status: 503, message: 'The sealing certificate cannot be read.' }),
    );
  });
});
