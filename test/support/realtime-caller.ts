import { randomBytes } from 'node:crypto';
import {
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RtpHeader,
  RtpPacket,
  useAudioLevelIndication,
} from 'werift';
import type { RTCDataChannel, RTCRtpTransceiver } from 'werift';
import { until } from './until.ts';

type Json = Record<string, unknown>;
export type Received = Json & { type: string };

const PACKET_MS = 20;
const SAMPLES = 960;
const LOUD = 10;
const SILENT = 127;
const AUDIO_LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';

/** A client of the provider's calls that is no browser. It only uses 127.0.0.1. */
export class RealtimeCaller {
  readonly events: Received[] = [];
  /** Payloads of the packets of Opus that came back. */
  readonly echoed: string[] = [];
  readonly #connection: RTCPeerConnection;
  readonly #channel: RTCDataChannel;
  readonly #audio: RTCRtpTransceiver;
  #sent = 0;
  #closed = false;

  constructor() {
    this.#connection = new RTCPeerConnection({
      codecs: {
        audio: [new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48_000, channels: 2 })],
      },
      headerExtensions: { audio: [useAudioLevelIndication()] },
      iceServers: [],
      bundlePolicy: 'max-bundle',
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: ['127.0.0.1'],
      iceInterfaceAddresses: { udp4: '127.0.0.1' },
    });
    this.#channel = this.#connection.createDataChannel('oai-events');
    this.#channel.onMessage.subscribe((data) => this.events.push(JSON.parse(String(data)) as Received));
    this.#audio = this.#connection.addTransceiver('audio', { direction: 'sendrecv' });
    this.#audio.onTrack.subscribe((track) => {
      track.onReceiveRtp.subscribe(({ payload }) => this.echoed.push(payload.toString('hex')));
    });
  }

  get channelState(): string {
    return this.#channel.readyState;
  }

  async offer(): Promise<string> {
    await this.#connection.setLocalDescription(await this.#connection.createOffer());
    return this.#connection.localDescription?.sdp ?? '';
  }

  async take(answer: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  send(event: Json | string): void {
    this.#channel.send(typeof event === 'string' ? event : JSON.stringify(event));
  }

  /** Sends what no browser would: a message of this kind on this stream. */
  sendAs(kind: number, data: Buffer, stream = this.#channel.id): void {
    void this.#connection.sctpTransport?.sctp.send(stream, kind, data);
  }

  /** Sends what is no packet. */
  sendPacket(packet: Buffer): void {
    void this.#connection.sctpTransport?.sctp.transport.send(packet);
  }

  openChannel(): void {
    this.#connection.createDataChannel('another');
  }

  /** The first event of this type after as many as were seen before. */
  event(type: string, after = 0): Promise<Received> {
    return until(`an event ${type}`, () => this.events.slice(after).find((event) => event.type === type));
  }

  /** Sends audio of this length as fast as it is taken, and gives the payloads. */
  speak(ms: number): string[] {
    return this.#say(ms, LOUD);
  }

  pause(ms: number): string[] {
    return this.#say(ms, SILENT);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#connection.sctpTransport?.stop();
    // What was given to a UDP socket leaves in the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    await this.#connection.close();
  }

  #say(ms: number, level: number): string[] {
    return Array.from({ length: Math.ceil(ms / PACKET_MS) }, () => {
      const payload = randomBytes(40);
      void this.#audio.sender.sendRtp(this.#packet(payload, level));
      return payload.toString('hex');
    });
  }

  #packet(payload: Buffer, level: number): RtpPacket {
    this.#sent += 1;
    const extension = this.#audio.headerExtensions.find(({ uri }) => uri === AUDIO_LEVEL);
    const header = new RtpHeader({
      payloadType: this.#audio.codecs[0]?.payloadType ?? 0,
      sequenceNumber: this.#sent,
      timestamp: this.#sent * SAMPLES,
      ...(extension && {
        extension: true,
        extensionProfile: 0xbede,
        extensions: [{ id: extension.id, payload: Buffer.from([level]) }],
      }),
    });
    return new RtpPacket(header, payload);
  }
}
