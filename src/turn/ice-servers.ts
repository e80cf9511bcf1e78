/** As RTCPeerConnection takes it. */
export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** Public and free of state; tells a browser its address and nothing else. */
const PUBLIC_STUN: IceServer = { urls: ['stun:stun.cloudflare.com:3478'] };
const STUN = /^stuns?:/;

/** What everybody gets who gets no relays, where a project names no STUN of its own. */
export const STUN_ONLY: readonly IceServer[] = [PUBLIC_STUN];

/** Of a relay's URLs: those that need no credentials, else the public one; and those that do. */
export function splitUrls(urls: readonly string[]): { stun: IceServer; turn: string[] } {
  const own = urls.filter((url) => STUN.test(url));
  return {
    stun: own.length === 0 ? PUBLIC_STUN : { urls: own },
    turn: urls.filter((url) => !STUN.test(url)),
  };
}
