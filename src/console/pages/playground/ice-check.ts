import { ask } from '../support/api.ts';

/** Some servers never answer; what did by then is what there is. */
const GATHERING_MS = 8_000;

export interface IceFindings {
  /** How many candidates of a kind were gathered: `host`, `srflx`, `relay`. */
  counts: Readonly<Record<string, number>>;
  /** What was asked. */
  urls: readonly string[];
}

/** The servers that a bare project id is given. */
export async function serversOf(project: string): Promise<RTCIceServer[]> {
  const { data } = await ask<{ iceServers: RTCIceServer[] }>(
    `turn-credentials?project_id=${encodeURIComponent(project)}`,
  );
  return data.iceServers;
}

/** Gathers candidates as a call would, and calls nobody. */
export async function checkIce(iceServers: RTCIceServer[], relayOnly: boolean): Promise<IceFindings> {
  const peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: relayOnly ? 'relay' : 'all' });
  const counts: Record<string, number> = {};
  try {
    peer.createDataChannel('check');
    const gathered = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHERING_MS);
      peer.addEventListener('icecandidate', ({ candidate }) => {
        if (candidate === null) {
          clearTimeout(timer);
          resolve();
        } else if (candidate.type !== null) {
          counts[candidate.type] = (counts[candidate.type] ?? 0) + 1;
        }
      });
    });
    await peer.setLocalDescription();
    await gathered;
  } finally {
    peer.close();
  }
  return { counts, urls: iceServers.flatMap(({ urls }) => urls) };
}
