import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { RTCPeerConnection, type RTCSessionDescription } from 'werift';

/** An ICE server of an answer: a relay and an account there. */
export interface Relay {
  urls: string[];
  username: string;
  credential: string;
}

const TIMEOUT_MS = 20_000;

/**
 * Two WebRTC peers, each of which may be reached through its relay alone: their candidates, and what the second hears when
 * the first says the text. On a thread that is ended, since the library's timers for a relay's allocation are not.
 */
export async function talkThrough(relays: readonly [Relay, Relay], text: string): Promise<Talk> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { relays, text } });
  try {
    return await new Promise<Talk>((resolve, reject) => {
      setTimeout(() => {
        reject(new Error('the peers did not hear each other'));
      }, TIMEOUT_MS).unref();
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  } finally {
    await worker.terminate();
  }
}

export interface Talk {
  /** All of both peers, as SDP has them. */
  candidates: string[];
  heard: string;
}

async function talk(relays: readonly [Relay, Relay], text: string): Promise<Talk> {
  const [one, other] = [aPeer(relays[0]), aPeer(relays[1])];
  const heard = new Promise<string>((resolve) => {
    other.onDataChannel.subscribe((channel) => {
      channel.onMessage.subscribe((message) => {
        resolve(String(message));
      });
    });
  });
  const channel = one.createDataChannel('call');
  channel.stateChanged.subscribe((state) => {
    if (state === 'open') channel.send(Buffer.from(text));
  });
  await one.setLocalDescription(await one.createOffer());
  await other.setRemoteDescription(described(one));
  await other.setLocalDescription(await other.createAnswer());
  await one.setRemoteDescription(described(other));
  const candidates = [one, other].flatMap((peer) => described(peer).sdp.match(/a=candidate:.*/g) ?? []);
  return { candidates, heard: await heard };
}

function aPeer({ urls: [urls = ''], username, credential }: Relay): RTCPeerConnection {
  return new RTCPeerConnection({
    iceServers: [{ urls, username, credential }],
    iceTransportPolicy: 'relay',
  });
}

function described({ localDescription }: RTCPeerConnection): RTCSessionDescription {
  if (localDescription === null) throw new Error('the peer has no description of itself');
  return localDescription;
}

if (!isMainThread && workerData?.relays !== undefined) {
  const { relays, text } = workerData as { relays: [Relay, Relay]; text: string };
  parentPort?.postMessage(await talk(relays, text));
}
