import type * as werift from 'werift';
import type { MediaStreamTrack, RTCDataChannel, RTCPeerConnection as Connection, RtpPacket } from 'werift';

import { guardSctp } from './sctp-guard.ts';
import type { Offer } from './sdp.ts';

type Werift = typeof werift;

/** A packet of Opus that arrived. */
export interface Heard {
  /** Of RTP: samples at 48 kHz, modulo 2^32. */
  timestamp: number;
  /** In decibels below the loudest, 0 to 127; undefined when the sender does not tell. */
  level: number | undefined;
}

/** Who is told of what the other side does. */
export interface PeerListener {
  opened(): void;
  message(text: string): void;
  heard(packet: Heard): void;
  /** The other side still asks whether the connection is there, as ICE has it do every few seconds. */
  alive(): void;
  /** Once, when the other side is gone or closed its channel. */
  gone(): void;
}

/** The other side of a call, whatever carries it. */
export interface Peer {
  send(text: string): void;
  /** Bytes that wait to be sent. */
  waiting(): number;
  close(): Promise<void>;
}

export interface AnsweredPeer extends Peer {
  /** SDP. */
  answer: string;
}

export const CHANNEL = 'oai-events';

/** What is taken as one message: more than is read, so that the sender is told. */
export const MAX_TAKEN_BYTES = 262_144;

/** Of which one is used. */
const MAX_CHANNELS = 16;

const LOOPBACK = '127.0.0.1';
const ANY_ADDRESS = '0.0.0.0';
const AUDIO_LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';

/** Throws when the offer cannot be answered. */
export async function answer(
  { RTCPeerConnection, RTCRtpCodecParameters, useAudioLevelIndication }: Werift,
  offer: Offer,
  host: string | undefined,
  listener: PeerListener,
): Promise<AnsweredPeer> {
  const connection = new RTCPeerConnection({
    codecs: {
      audio: [new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48_000, channels: 2 })],
      video: [],
    },
    headerExtensions: { audio: [useAudioLevelIndication()] },
    maxMessageSize: MAX_TAKEN_BYTES,
    iceServers: [],
    // One transport for all sections: of several, werift leaves those that are not used open.
    bundlePolicy: 'max-bundle',
    // Who asks the simulator is answered; it needs to find nobody.
    iceLite: true,
    iceFilterStunResponse: () => {
      listener.alive();
      return true;
    },
    ...addresses(host),
  });
  const peer = new WeriftPeer(connection, listener);
  try {
    await connection.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
    await connection.setLocalDescription(await connection.createAnswer());
    if (connection.sctpTransport)
      guardSctp(connection.sctpTransport, () => {
        peer.break();
      });
    peer.answer = offer.complete(connection.localDescription?.sdp ?? '');
    return peer;
  } catch (error) {
    await peer.close();
    throw error;
  }
}

/** Of the network: all addresses of the machine where it listens on all of them, as in a pod; else that one alone. */
function addresses(host = LOOPBACK): object {
  if (host === ANY_ADDRESS) return { iceUseIpv6: false };
  return {
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceAdditionalHostAddresses: [host],
    iceInterfaceAddresses: { udp4: host },
  };
}

/** What was given to a UDP socket leaves in the next turn, if the socket still is there. */
function sent(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

class WeriftPeer implements AnsweredPeer {
  answer = '';
  #channel: RTCDataChannel | undefined;
  #channels = 0;
  #closed: Promise<void> | undefined;
  readonly #connection: Connection;
  readonly #listener: PeerListener;

  constructor(connection: Connection, listener: PeerListener) {
    this.#connection = connection;
    this.#listener = listener;
    connection.onRemoteTransceiverAdded.subscribe((transceiver) => {
      transceiver.setDirection('sendrecv');
      transceiver.onTrack.subscribe((track) => {
        this.#echo(track);
        // A track that ended already is one that says nothing.
        transceiver.sender.replaceTrack(track).catch(() => undefined);
      });
    });
    connection.onDataChannel.subscribe((channel) => {
      this.#channels += 1;
      if (this.#channels > MAX_CHANNELS) this.break();
      else if (channel.label === CHANNEL && !this.#channel) this.#use(channel);
    });
    connection.connectionStateChange.subscribe((state) => {
      if (state === 'failed' || state === 'closed' || state === 'disconnected') this.break();
    });
  }

  send(text: string): void {
    if (this.#channel?.readyState !== 'open') return;
    try {
      this.#channel.send(text);
    } catch {
      // Longer than the other side takes: what comes after would make no sense to it.
      this.break();
    }
  }

  waiting(): number {
    return this.#channel?.bufferedAmount ?? 0;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  /** There is no use in going on. */
  break(): void {
    if (this.#closed === undefined) this.#listener.gone();
  }

  async #close(): Promise<void> {
    // Before its transport goes, as the connection would have it: so the other side is told.
    try {
      await this.#connection.sctpTransport?.stop();
      await sent();
    } finally {
      await this.#connection.close();
    }
  }

  #use(channel: RTCDataChannel): void {
    this.#channel = channel;
    channel.onMessage.subscribe((data) => {
      this.#listener.message(String(data));
    });
    channel.stateChanged.subscribe((state) => {
      if (state === 'open') this.#listener.opened();
      else if (state !== 'connecting') this.break();
    });
  }

  #echo(track: MediaStreamTrack): void {
    track.onReceiveRtp.subscribe(({ header }: RtpPacket, extensions) => {
      const level = extensions?.[AUDIO_LEVEL] as { level?: number } | undefined;
      this.#listener.heard({ timestamp: header.timestamp, level: level?.level });
    });
  }
}
