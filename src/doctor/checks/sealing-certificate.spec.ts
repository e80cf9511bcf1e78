import { judgeCertificate } from './sealing-certificate.ts';

const DAY_MS = 24 * 3_600_000;
const NOW = Date.parse('2026-01-01T00:00:00Z');

describe('the judgement on a sealing certificate', () => {
  it.each<[number, number, string]>([
    [0, 3_650, 'ok'],
    [-0.01, 3_650, 'ok'],
    [60.5, 3_590, 'ok'],
    [61, 3_590, 'warning'],
    [1, 30, 'ok'],
    [1, 29.9, 'warning'],
    [400, 2, 'warning'],
  ])('of %d days that expires in %d days is %s', (age, left, status) => {
    const certificate = {
      fingerprint: 'sha256:0123456789abcdef',
      notBefore: NOW - age * DAY_MS,
      notAfter: NOW + left * DAY_MS,
    };
    const found = judgeCertificate(certificate, { sealingCertificate: undefined }, NOW);
    expect([found.status, found.fix !== undefined]).toEqual([status, status !== 'ok']);
    expect(found.message).toMatch(
      new RegExp(
        `^the certificate sha256:0123456789abcdef of the controller is ${Math.max(Math.floor(age), 0)} days old and expires in ${Math.floor(left)} days`,
      ),
    );
  });

  it('sends who seals with a file to fetch a new one', () => {
    const certificate = { fingerprint: 'sha256:00', notBefore: 0, notAfter: NOW + 900 * DAY_MS };
    expect(judgeCertificate(certificate, { sealingCertificate: 'cert.pem' }, NOW)).toMatchObject({
      status: 'warning',
      message: expect.stringMatching(/of the file of VESTIBULE_SEALING_CERT/),
      fix: expect.stringMatching(/--fetch-cert/),
    });
  });
});
