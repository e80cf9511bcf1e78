import type { RTCSctpTransport } from 'werift';

const HEADER_BYTES = 12;
const LEAST_CHUNK_BYTES = 4;

/** Of a packet that cannot be read, or a message of no known kind, werift lets nobody know: `broken` is called. */
export function guardSctp(transport: RTCSctpTransport, broken: () => void): void {
  const { sctp } = transport;
  sctp.transport.onData = (packet) => {
    if (hasWholeChunks(packet)) sctp['handleData'](packet).catch(broken);
    else broken();
  };
  sctp.onReceive.allUnsubscribe();
  sctp.onReceive.subscribe((...message) => {
    transport['datachannelReceive'](...message).catch(broken);
  });
}

/** A chunk that is shorter than its own header would be read for ever. */
function hasWholeChunks(packet: Buffer): boolean {
  let at = HEADER_BYTES;
  while (at + LEAST_CHUNK_BYTES <= packet.length) {
    const bytes = packet.readUInt16BE(at + 2);
    if (bytes < LEAST_CHUNK_BYTES) return false;
    at += Math.ceil(bytes / 4) * 4;
  }
  return true;
}
