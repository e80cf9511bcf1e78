import { Agent, request } from 'undici';
import { readLimited } from '../common/read-limited.ts';
import { codeOf, reasonOf } from './describe.ts';

export const TIMEOUT_MS = 4_000;
const MAX_ANSWER_BYTES = 64 * 1024;

export interface HttpAnswer {
  status: number;
  text: string;
}

/** GET without any credential, by the client that provider calls use. Redirects are answers. */
export async function ask(url: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  // A signal does not end an attempt to connect, name service and TLS included: that has a time-out of its own.
  const agent = new Agent({ connect: { timeout: TIMEOUT_MS } });
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { statusCode, body } = await request(url, { headers, signal, dispatcher: agent });
    return { status: statusCode, text: await readLimited(body, MAX_ANSWER_BYTES).catch(() => '') };
  } finally {
    await agent.destroy();
  }
}

export function unreached(error: unknown): string {
  return isTimeout(error) ? `no answer within ${TIMEOUT_MS / 1000} s` : reasonOf(error);
}

const FIXES: [RegExp, string][] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'mend the host name, or this machine’s name service'],
  [/^ECONNREFUSED$/, 'nothing listens there: mend the URL, or start what should listen'],
  [
    /CERT|SIGNATURE|ISSUER|^ERR_TLS|^EPROTO$|ERR_SSL/,
    'mend the certificate, or trust its issuer by NODE_EXTRA_CA_CERTS',
  ],
];

/** What to do about it; `answered` when something answered, and not with what was asked for. */
export function reachFix(error: unknown, answered = 'see what answers there'): string {
  const code = codeOf(error);
  if (code === undefined && !isTimeout(error)) return answered;
  const fix = FIXES.find(([codes]) => codes.test(code ?? ''))?.[1];
  return fix ?? 'see whether a firewall or a network policy lets this machine out';
}

function isTimeout(error: unknown): boolean {
  return (
    (error instanceof Error && error.name === 'TimeoutError') || (codeOf(error) ?? '').includes('TIMEOUT')
  );
}
