/** Public and free of state; tells a browser its address and nothing else. */
const STUN_URL = 'stun:stun.cloudflare.com:3478';

export interface IceServers {
  iceServers: { urls: string[] }[];
}

/** What every caller gets; relays come with a project's `turn` settings. */
export const STUN_ONLY: IceServers = { iceServers: [{ urls: [STUN_URL] }] };
