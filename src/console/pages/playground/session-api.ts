import { type ApiAnswer, ask, bearer } from '../support/api.ts';
import { baseUrl } from '../support/settings.ts';
import { type SessionChoice, sessionBody } from '../support/snippets.ts';

/** What the playground takes of the answer of POST /session. */
export interface OpenedSession {
  session_id: string;
  model: string;
  voice: string | null;
  value: string;
  expires_at: number;
  lease_token: string;
  lease_expires_at: number;
  connect: { webrtc: string };
  turn_credentials: { iceServers: RTCIceServer[] };
  metadata: { active_sessions: number; max_concurrent: number };
}

export interface SessionState {
  state: string;
  lease_expires_at: number;
  ends_at: string;
}

/** ICE servers, and for how many seconds they hold. */
export interface IceAnswer {
  iceServers: RTCIceServer[];
  ttl: number;
  /** Whether relays are among them. */
  _turn_enabled: boolean;
}

type Lease = Pick<OpenedSession, 'session_id' | 'lease_token'>;

export function openSession(choice: SessionChoice, signal: AbortSignal): Promise<ApiAnswer<OpenedSession>> {
  return ask('session', { method: 'POST', body: sessionBody(choice), signal });
}

export function readSession({ session_id, lease_token }: Lease): Promise<ApiAnswer<SessionState>> {
  return ask(`session/${session_id}`, { headers: bearer(lease_token) });
}

export function renewSession({ session_id, lease_token }: Lease): Promise<ApiAnswer<SessionState>> {
  return ask(`session/${session_id}/heartbeat`, { method: 'POST', headers: bearer(lease_token) });
}

/** With credentials for relays that are new, or nearly. */
export async function readIceServers({ lease_token }: Lease): Promise<IceAnswer> {
  return (await ask<IceAnswer>('turn-credentials', { headers: bearer(lease_token) })).data;
}

export async function releaseSession({ session_id, lease_token }: Lease): Promise<void> {
  await ask(`session/${session_id}`, { method: 'DELETE', headers: bearer(lease_token) });
}

/** When the page goes and waits for no answer. */
export function releaseByBeacon({ session_id, lease_token }: Lease): void {
  navigator.sendBeacon(`${baseUrl}session/${session_id}/release`, JSON.stringify({ lease_token }));
}
