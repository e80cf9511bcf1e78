import type { Caller } from '../auth/caller.ts';
import type { Grant } from '../providers/realtime-provider.ts';
import type { IceServer } from '../turn/ice-servers.ts';

export interface AnswerInput {
  caller: Caller;
  sessionId: string;
  model: string;
  voice: string | null;
  grant: Grant;
  leaseToken: string;
  /** Unix seconds. */
  leaseExpiresAt: number;
  activeSessions: number;
  iceServers: readonly IceServer[];
}

/** The 200 answer of both session routes; the credential stands in it as both generations of clients look for it. */
export function sessionAnswer(input: AnswerInput): Record<string, unknown> {
  const { caller, sessionId, grant } = input;
  const { projectId, spec } = caller.project;
  const secret = { value: grant.value, expires_at: grant.expiresAt };
  return {
    session_id: sessionId,
    id: grant.providerSessionId ?? sessionId,
    object: 'realtime.session',
    model: input.model,
    voice: input.voice,
    client_secret: secret,
    ...secret,
    session: grant.session,
    connect: grant.connect,
    lease_token: input.leaseToken,
    lease_expires_at: input.leaseExpiresAt,
    turn_credentials: { iceServers: input.iceServers },
    metadata: {
      project_id: projectId,
      provider: spec.provider.type,
      flow: caller.flow,
      active_sessions: input.activeSessions,
      max_concurrent: spec.session.maxConcurrent,
    },
  };
}
