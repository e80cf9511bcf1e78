import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

const TAG = {
  integer: 0x02,
  bits: 0x03,
  null: 0x05,
  oid: 0x06,
  text: 0x0c,
  time: 0x17,
  sequence: 0x30,
  set: 0x31,
};
/** 2.5.4.3 and 1.2.840.113549.1.1.11, as DER has them. */
const COMMON_NAME = Buffer.from('550403', 'hex');
const RSA_WITH_SHA256 = Buffer.from('2a864886f70d01010b', 'hex');

const signer = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** An X.509 certificate of a key, in PEM; it holds for whole seconds. */
export function aCertificate(
  publicKey: KeyObject,
  { notBefore, notAfter }: { notBefore: number; notAfter: number },
): string {
  const algorithm = sequence(der(TAG.oid, RSA_WITH_SHA256), der(TAG.null));
  const attribute = sequence(der(TAG.oid, COMMON_NAME), der(TAG.text, Buffer.from('test')));
  const name = sequence(der(TAG.set, attribute));
  const toBeSigned = sequence(
    der(TAG.integer, Buffer.from([1])),
    algorithm,
    name,
    sequence(timeOf(notBefore), timeOf(notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', toBeSigned, signer.privateKey)]);
  const certificate = sequence(toBeSigned, algorithm, der(TAG.bits, signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const short = content.length < 0x80;
  const size = Buffer.from(content.length.toString(16).padStart(4, '0'), 'hex');
  const length = short ? Buffer.from([content.length]) : Buffer.concat([Buffer.from([0x82]), size]);
  return Buffer.concat([Buffer.from([tag]), length, content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(TAG.sequence, ...parts);
}

/** UTCTime: two digits of the year. */
function timeOf(milliseconds: number): Buffer {
  const digits = new Date(milliseconds)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '');
  return der(TAG.time, Buffer.from(digits.slice(2)));
}
