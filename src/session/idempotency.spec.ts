import { randomBytes } from 'node:crypto';
import { Idempotency } from './idempotency.ts';

const scope = ['client', '', 'acme'];

describe('Idempotency', () => {
  it('opens only with the key that sealed', () => {
    const key = randomBytes(8).toString('hex');
    const sealed = Buffer.from(new Idempotency(scope, key, []).seal({ value: 'secret' }), 'hex');
    expect(new Idempotency(scope, key, []).open(sealed)).toEqual({ value: 'secret' });
    expect(() => new Idempotency(scope, `${key}.`, []).open(sealed)).toThrow();
    expect(() => new Idempotency(['client', '', 'other'], key, []).open(sealed)).toThrow();
    expect(sealed.toString('latin1')).not.toContain('secret');
  });

  it('takes bodies that differ only in the order of their keys for the same', () => {
    const left = new Idempotency(scope, 'key', [{ a: 1, b: { c: 2, d: 3 } }]);
    const right = new Idempotency(scope, 'key', [{ b: { d: 3, c: 2 }, a: 1 }]);
    expect(left.bodyHash).toBe(right.bodyHash);
    expect(new Idempotency(scope, 'key', [{ a: 2 }]).bodyHash).not.toBe(left.bodyHash);
  });

  it('keeps scopes apart that a plain join would confuse', () => {
    expect(new Idempotency(['a', 'b'], 'c', []).keyHash).not.toBe(new Idempotency(['a'], 'b', []).keyHash);
    expect(new Idempotency(['a,b'], 'c', []).keyHash).not.toBe(new Idempotency(['a', 'b'], 'c', []).keyHash);
  });
});
