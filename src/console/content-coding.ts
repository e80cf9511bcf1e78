/** In the order in which they are preferred. */
const CODINGS = ['br', 'gzip', 'identity'] as const;
export type Coding = (typeof CODINGS)[number];

/** The best coding that an Accept-Encoding allows (RFC 9110, 12.5.3); what allows nothing gets the plain bytes. */
export function chooseCoding(acceptEncoding: string | undefined): Coding {
  const weights = new Map(
    (acceptEncoding ?? '').split(',').map((part) => {
      const [name = '', ...parameters] = part.split(';').map((one) => one.trim().toLowerCase());
      return [name, weightOf(parameters)];
    }),
  );
  const accepts = (coding: Coding): boolean => (weights.get(coding) ?? weights.get('*') ?? 0) > 0;
  return CODINGS.find(accepts) ?? 'identity';
}

function weightOf(parameters: string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  return weight === undefined ? 1 : Number(weight.slice(2)) || 0;
}

/** Whether an If-None-Match names this ETag. Both are weak. */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const known = ifNoneMatch.split(',').map((one) => one.trim());
  return known.includes('*') || known.includes(etag);
}
