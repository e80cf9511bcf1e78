import { LocalProblem } from './problem.ts';
import type { OpenedSession } from './session-api.ts';

/** The offer leaves without the candidates that take longer: the provider is reached from this side. */
const GATHERING_MS = 500;
const ANSWER_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 15_000;
/** As the provider names it. */
const CHANNEL = 'oai-events';

/** A server event: only what is read of it. */
export interface ServerEvent {
  type: string;
  [field: string]: unknown;
}

export interface CallListener {
  onConnection: (state: RTCPeerConnectionState) => void;
  onSound: (stream: MediaStream) => void;
  onEvent: (event: ServerEvent) => void;
  /** The call ended by itself. */
  onEnd: (error: LocalProblem) => void;
}

/** The way that sound takes: kinds of candidates, as `host` or `relay`. */
export interface Route {
  local: string;
  remote: string;
  protocol: string;
  roundTripMs: number | undefined;
}

type Failure = 'call_ended' | 'connection_lost' | 'ice_failed';

export interface CallOptions {
  session: OpenedSession;
  sound: MediaStream;
  relayOnly: boolean;
  listener: CallListener;
  signal: AbortSignal;
}

/** A conversation with the provider by WebRTC. */
export class Call {
  readonly #peer: RTCPeerConnection;
  readonly #channel: RTCDataChannel;
  readonly #listener: CallListener;
  readonly #iceTransportPolicy: RTCIceTransportPolicy;
  #wasOpen = false;
  #closed = false;

  private constructor({ session, sound, relayOnly, listener }: CallOptions) {
    this.#listener = listener;
    this.#iceTransportPolicy = relayOnly ? 'relay' : 'all';
    this.#peer = new RTCPeerConnection({
      iceServers: session.turn_credentials.iceServers,
      iceTransportPolicy: this.#iceTransportPolicy,
    });
    for (const track of sound.getTracks()) this.#peer.addTrack(track, sound);
    this.#channel = this.#peer.createDataChannel(CHANNEL);
    this.#channel.addEventListener('message', ({ data }) => {
      const event = parsed(data);
      if (event !== undefined) listener.onEvent(event);
    });
    this.#channel.addEventListener('close', () => {
      this.#end('call_ended');
    });
    this.#peer.addEventListener('track', ({ streams, track }) => {
      listener.onSound(streams[0] ?? new MediaStream([track]));
    });
    this.#peer.addEventListener('connectionstatechange', () => {
      const { connectionState } = this.#peer;
      if (this.#closed) return;
      listener.onConnection(connectionState);
      if (connectionState === 'failed') this.#end(this.#failure());
    });
  }

  /** Resolves once voice and events go both ways. */
  static async connect(options: CallOptions): Promise<Call> {
    const call = new Call(options);
    try {
      await call.#negotiate(options);
      return call;
    } catch (error) {
      call.close();
      throw error;
    }
  }

  send(event: ServerEvent): void {
    if (this.#channel.readyState === 'open') this.#channel.send(JSON.stringify(event));
  }

  /** Instead of those whose credentials expire. */
  useServers(iceServers: RTCIceServer[]): void {
    if (this.#closed) return;
    this.#peer.setConfiguration({ iceServers, iceTransportPolicy: this.#iceTransportPolicy });
  }

  async route(): Promise<Route | undefined> {
    const stats = await this.#peer.getStats();
    const reports = new Map<string, Record<string, unknown>>();
    stats.forEach((report: RTCStats) => reports.set(report.id, report as unknown as Record<string, unknown>));
    const transport = [...reports.values()].find(({ type }) => type === 'transport');
    const pair = reports.get(text(transport?.['selectedCandidatePairId']));
    if (pair === undefined) return undefined;
    const local = reports.get(text(pair['localCandidateId']));
    const roundTrip = pair['currentRoundTripTime'];
    return {
      local: text(local?.['candidateType']),
      remote: text(reports.get(text(pair['remoteCandidateId']))?.['candidateType']),
      protocol: text(local?.['protocol']),
      roundTripMs: typeof roundTrip === 'number' ? Math.round(roundTrip * 1000) : undefined,
    };
  }

  close(): void {
    this.#closed = true;
    this.#channel.close();
    this.#peer.close();
  }

  async #negotiate({ session, signal }: CallOptions): Promise<void> {
    await this.#peer.setLocalDescription();
    await this.#gathered();
    const answer = await answerTo(this.#peer.localDescription?.sdp ?? '', session, signal);
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: answer }).catch(() => {
      throw new LocalProblem('call_refused');
    });
    await this.#opened(signal);
    this.#wasOpen = true;
  }

  async #gathered(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHERING_MS);
      this.#peer.addEventListener('icegatheringstatechange', () => {
        if (this.#peer.iceGatheringState !== 'complete') return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async #opened(signal: AbortSignal): Promise<void> {
    if (this.#channel.readyState === 'open') return;
    // A listener hears nothing of what was before.
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => {
        reject(new LocalProblem('ice_failed'));
      };
      const deadline = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
      AbortSignal.any([signal, deadline]).addEventListener('abort', fail);
      this.#channel.addEventListener('close', fail);
      this.#peer.addEventListener('connectionstatechange', () => {
        if (this.#peer.connectionState === 'failed') fail();
      });
      this.#channel.addEventListener('open', () => {
        resolve();
      });
    });
  }

  /** A connection also fails by the farewell of the other side: then the way is still there. */
  #failure(): Failure {
    if (this.#peer.iceConnectionState !== 'failed') return 'call_ended';
    return this.#wasOpen ? 'connection_lost' : 'ice_failed';
  }

  #end(kind: Failure): void {
    if (this.#closed) return;
    this.close();
    this.#listener.onEnd(new LocalProblem(kind));
  }
}

async function answerTo(offer: string, session: OpenedSession, signal: AbortSignal): Promise<string> {
  const deadline = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const response = await fetch(session.connect.webrtc, {
    method: 'POST',
    headers: { authorization: `Bearer ${session.value}`, 'content-type': 'application/sdp' },
    body: offer,
    redirect: 'error',
    signal: AbortSignal.any([signal, deadline]),
  }).catch(() => {
    throw new LocalProblem('call_unreachable');
  });
  if (response.status !== 201) throw new LocalProblem('call_refused');
  return response.text();
}

function parsed(data: unknown): ServerEvent | undefined {
  try {
    const event = JSON.parse(String(data)) as Partial<ServerEvent> | null;
    return typeof event?.type === 'string' ? (event as ServerEvent) : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
