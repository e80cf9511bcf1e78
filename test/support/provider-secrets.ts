import type { Simulator } from '../simulator/simulator.ts';

/** Mints a secret of the simulator's for a session that asks for this, as a broker does. */
export async function mintSecret(
  { url }: Simulator,
  key: string,
  session: Record<string, unknown> = {},
): Promise<string> {
  const response = await fetch(`${url}/realtime/client_secrets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ session: { type: 'realtime', model: 'gpt-realtime-2.1', ...session } }),
  });
  return ((await response.json()) as { value: string }).value;
}
