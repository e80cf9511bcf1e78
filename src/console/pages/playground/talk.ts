import type { SessionChoice } from '../support/snippets.ts';
import { Call, type Route, type ServerEvent } from './call.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { LocalProblem, type Problem, problemOf } from './problem.ts';
import { RelayKeeper } from './relay-keeper.ts';
import {
  type OpenedSession,
  openSession,
  readIceServers,
  releaseByBeacon,
  releaseSession,
} from './session-api.ts';
import { Sound, type SoundSource } from './sound.ts';
import { type EventRow, type Line, withEvent, withSaid, withWritten } from './transcript.ts';

const ROUTE_MS = 1_000;

export type Phase = 'idle' | 'opening' | 'connecting' | 'connected' | 'ending';

/** Everything that the page shows of a conversation. Each change is a new one. */
export interface TalkState {
  phase: Phase;
  problem: Problem | undefined;
  connection: RTCPeerConnectionState | undefined;
  route: Route | undefined;
  muted: boolean;
  session: SessionView | undefined;
  lines: readonly Line[];
  events: readonly EventRow[];
}

export interface SessionView {
  id: string;
  model: string;
  voice: string | null;
  state: string;
  active: number;
  max: number;
  /** Unix milliseconds by this browser's clock. */
  secretExpiresAt: number;
  leaseExpiresAt: number;
  endsAt: number | undefined;
}

export interface StartOptions extends SessionChoice {
  source: SoundSource;
  relayOnly: boolean;
}

const AT_REST: TalkState = {
  phase: 'idle',
  problem: undefined,
  connection: undefined,
  route: undefined,
  muted: false,
  session: undefined,
  lines: [],
  events: [],
};

/** One conversation at a time: opens the session, calls, keeps the lease, and gives everything back. */
export class Talk {
  #state = AT_REST;
  readonly #listeners = new Set<() => void>();
  #opened: OpenedSession | undefined;
  #sound: Sound | undefined;
  #call: Call | undefined;
  #keeper: LeaseKeeper | undefined;
  #relays: RelayKeeper<RTCIceServer> | undefined;
  #routeTimer: ReturnType<typeof setInterval> | undefined;
  #starting = new AbortController();

  get state(): TalkState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async start(options: StartOptions): Promise<void> {
    if (this.#state.phase !== 'idle') return;
    this.#starting = new AbortController();
    const { signal } = this.#starting;
    this.#change({ ...AT_REST, phase: 'opening' });
    try {
      // Before a slot is taken: who is asked for the microphone may take a while.
      this.#sound = await Sound.open(options.source, signal);
      signal.throwIfAborted();
      const { data, clockAhead } = await openSession(options, signal);
      this.#opened = data;
      signal.throwIfAborted();
      this.#hold(data, clockAhead);
      if (options.relayOnly && !hasRelay(data)) throw new LocalProblem('relay_missing');
      this.#call = await this.#connect(data, options.relayOnly, signal);
      signal.throwIfAborted();
      this.#change({ phase: 'connected' });
      if (hasRelay(data)) this.#relays = this.#keepRelays(data);
      this.#routeTimer = setInterval(() => void this.#look(), ROUTE_MS);
      await this.#look();
    } catch (error) {
      // Who ended it may have begun the next one meanwhile.
      if (this.#starting.signal === signal) {
        await this.#finish(signal.aborted ? undefined : problemOf(error));
      }
    }
  }

  async end(): Promise<void> {
    if (this.#state.phase === 'idle' || this.#state.phase === 'ending') return;
    const wasStarting = this.#state.phase !== 'connected';
    this.#starting.abort();
    // A start that is under way gives back what it took by itself.
    if (!wasStarting) await this.#finish(undefined);
  }

  /** The page goes: there is no time for an answer. */
  leave(): void {
    this.#starting.abort();
    if (this.#opened !== undefined) releaseByBeacon(this.#opened);
    this.#opened = undefined;
    this.#closeAll();
    this.#change(AT_REST);
  }

  mute(muted: boolean): void {
    this.#sound?.mute(muted);
    this.#change({ muted });
  }

  say(text: string): void {
    this.#send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
    });
    this.#send({ type: 'response.create' });
    this.#change({ lines: withWritten(this.#state.lines, text) });
  }

  /** 0 to 1; undefined when nobody speaks. */
  levels(): { input: number; output: number } | undefined {
    return this.#sound?.levels();
  }

  /** Those of the session that is open, as they are now: its first ones may have expired. */
  async iceServers(): Promise<RTCIceServer[] | undefined> {
    return this.#opened && (await readIceServers(this.#opened)).iceServers;
  }

  #hold(opened: OpenedSession, clockAhead: number): void {
    const { metadata } = opened;
    this.#change({
      phase: 'connecting',
      session: {
        id: opened.session_id,
        model: opened.model,
        voice: opened.voice,
        state: 'active',
        active: metadata.active_sessions,
        max: metadata.max_concurrent,
        secretExpiresAt: opened.expires_at * 1000 - clockAhead,
        leaseExpiresAt: opened.lease_expires_at * 1000 - clockAhead,
        endsAt: undefined,
      },
    });
    this.#keeper = new LeaseKeeper(opened, clockAhead, {
      onState: ({ state, lease_expires_at, ends_at }, ahead) => {
        this.#changeSession({
          state,
          leaseExpiresAt: lease_expires_at * 1000 - ahead,
          endsAt: Date.parse(ends_at) - ahead,
        });
      },
      onLost: (error) => void this.#finish(problemOf(error)),
    });
  }

  #connect(session: OpenedSession, relayOnly: boolean, signal: AbortSignal): Promise<Call> {
    const sound = this.#sound;
    if (sound === undefined) throw new Error('there is nothing to say');
    return Call.connect({
      session,
      relayOnly,
      signal,
      sound: sound.stream,
      listener: {
        onConnection: (connection) => {
          this.#change({ connection });
        },
        onSound: (stream) => {
          this.#sound?.hear(stream);
        },
        onEvent: (event) => {
          this.#record(event, false);
        },
        onEnd: (error) => void this.#finish(problemOf(error)),
      },
    });
  }

  #keepRelays(session: OpenedSession): RelayKeeper<RTCIceServer> {
    return new RelayKeeper(
      () => readIceServers(session),
      (servers) => {
        this.#call?.useServers(servers);
      },
    );
  }

  #send(event: ServerEvent): void {
    this.#call?.send(event);
    this.#record(event, true);
  }

  #record(event: ServerEvent, sent: boolean): void {
    const { lines, events } = this.#state;
    const said = sent ? lines : withSaid(lines, event);
    this.#change({ lines: said, events: withEvent(events, event, sent) });
  }

  async #look(): Promise<void> {
    const route = await this.#call?.route().catch(() => undefined);
    if (route !== undefined && this.#state.phase === 'connected') this.#change({ route });
  }

  /** Gives back what is held, whoever asks; the first who does says why. */
  async #finish(problem: Problem | undefined): Promise<void> {
    const isFirst = this.#state.phase !== 'idle' && this.#state.phase !== 'ending';
    if (isFirst) this.#change({ phase: 'ending' });
    this.#starting.abort();
    this.#closeAll();
    const opened = this.#opened;
    this.#opened = undefined;
    // What cannot be told now lapses by itself.
    if (opened !== undefined) await releaseSession(opened).catch(() => undefined);
    if (isFirst) {
      this.#change({ phase: 'idle', problem, session: undefined, connection: undefined, route: undefined });
    }
  }

  #closeAll(): void {
    clearInterval(this.#routeTimer);
    this.#keeper?.stop();
    this.#relays?.stop();
    this.#call?.close();
    this.#sound?.close();
    this.#keeper = undefined;
    this.#relays = undefined;
    this.#call = undefined;
    this.#sound = undefined;
  }

  #changeSession(changed: Partial<SessionView>): void {
    const { session } = this.#state;
    if (session !== undefined) this.#change({ session: { ...session, ...changed } });
  }

  #change(changed: Partial<TalkState>): void {
    this.#state = { ...this.#state, ...changed };
    for (const listener of this.#listeners) listener();
  }
}

function hasRelay({ turn_credentials: { iceServers } }: OpenedSession): boolean {
  return iceServers.flatMap(({ urls }) => urls).some((url) => /^turns?:/.test(url));
}
