import canonicalize from 'canonicalize';
import Type from 'typebox';
import { checker } from '../common/schema.ts';

const Head = Type.Object(
  {
    chain: Type.String({ pattern: '^[\\x21-\\x7e]{1,64}$' }),
    seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  { additionalProperties: false },
);

const Signed = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Union([Type.Literal('head'), Type.Literal('pruned')]),
    time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
    heads: Type.Array(Head, { minItems: 1 }),
    key: Type.String({ pattern: '^sha256:[0-9a-f]{16}$' }),
    signature: Type.String({ pattern: '^[A-Za-z0-9+/]{86}==$' }),
  },
  { additionalProperties: false },
);

const check = checker(Signed, { nameUnknownFields: true });

/** The last row of a chain at some time, by which all before it are fixed. */
export type ChainHead = Type.Static<typeof Head>;

/** Heads of chains under one signature. Of kind pruned: the last row that a pruning took, at which a chain's rest begins. */
export type SignedHead = Type.Static<typeof Signed>;

export type UnsignedHead = Pick<SignedHead, 'kind' | 'time' | 'heads'>;

/** What is signed: no other text that this key signs begins so. */
export function signedText({ kind, time, heads }: UnsignedHead): string {
  return `vestibule audit head\n${canonicalize({ v: 1, kind, time, heads }) ?? ''}`;
}

/** Undefined for what is no signed head, whoever signed it. */
export function toSignedHead(value: unknown): SignedHead | undefined {
  const checked = check(value);
  return checked.ok ? checked.value : undefined;
}
