import type { ProjectKey } from '../vault/project-key.ts';

export interface MintRequest {
  baseUrl: string;
  model: string;
  voice: string | undefined;
  instructions: string | undefined;
  /** Seconds that the credential lives. */
  ttlSeconds: number;
  /** Further fields of the provider's own session object, already checked against its shape. */
  session: Readonly<Record<string, unknown>>;
}

/** What a provider hands out for one session. */
export interface Grant {
  value: string;
  /** Unix seconds. */
  expiresAt: number;
  providerSessionId: string | undefined;
  /** The provider's own session object. */
  session: Record<string, unknown>;
  connect: { webrtc: string; websocket: string };
}

/** A realtime API that mints ephemeral credentials. Every failure is an AppError of the contract's provider codes. */
export abstract class RealtimeProvider {
  /** Uses the key once, without retry or redirect, within the provider deadline; the signal ends it earlier. */
  abstract mint(key: ProjectKey, request: MintRequest, signal: AbortSignal): Promise<Grant>;
  /** Whether the provider takes the key for what it is needed for; rejects when the provider cannot say. */
  abstract accepts(key: ProjectKey, baseUrl: string): Promise<boolean>;
  abstract close(): Promise<void>;
}
