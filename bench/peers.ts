import { UsageError } from './arguments.ts';

/** Another broker that takes part. */
export interface Peer {
  name: string;
  url: string;
  headers: Record<string, string>;
}

const MAX_PEERS = 5;
/** Names of processes of the bench, or how those begin. */
const RESERVED = /^(simulator|forwarder|service|postgres|load|machine)/;

export function peersOf(texts: string[], headerTexts: string[]): Peer[] {
  const peers = texts.map(peerOf);
  const names = peers.map(({ name }) => name);
  if (peers.length > MAX_PEERS) throw new UsageError(`--peer can be given ${MAX_PEERS} times`);
  if (new Set(names).size !== names.length || names.some((name) => RESERVED.test(name))) {
    throw new UsageError('each --peer needs a name of its own, and none that begins like one of the bench');
  }
  for (const text of headerTexts) addHeader(peers, text);
  return peers;
}

function peerOf(text: string): Peer {
  const [, name = '', url = ''] = /^([a-z0-9][a-z0-9-]{0,19})=(https?:\/\/.+)$/.exec(text) ?? [];
  if (!URL.canParse(url))
    throw new UsageError('--peer must be NAME=URL: a short lower-case name, an http(s) URL');
  return { name, url, headers: {} };
}

function addHeader(peers: Peer[], text: string): void {
  const [, name, header, value] = /^([^=]+)=([\w-]+): *([\x20-\x7e]*)$/.exec(text) ?? [];
  const peer = peers.find((candidate) => candidate.name === name);
  if (peer === undefined || header === undefined || value === undefined) {
    throw new UsageError("--peer-header must be 'NAME=Header: value', NAME being that of a --peer");
  }
  peer.headers[header.toLowerCase()] = value;
}
