import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';

const ALLOCATE = 0x0003;
const ALLOCATED = 0x0103;
const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const INTEGRITY_BYTES = 24;
const ATTRIBUTES = { username: 0x0006, integrity: 0x0008, error: 0x0009, realm: 0x0014, nonce: 0x0015 };
const REQUESTED_TRANSPORT = 0x0019;
const UDP = Buffer.from([17, 0, 0, 0]);
const TIMEOUT_MS = 5_000;

interface Account {
  username: string;
  credential: string;
}

/**
 * Asks a relay on loopback for an allocation, by RFC 8656 over UDP, as whom the account says: `allocated`, or the code of
 * its refusal. WebRTC libraries know only that there is no candidate in the end.
 */
export async function allocate(
  port: number,
  { username, credential }: Account,
): Promise<'allocated' | number> {
  const socket = createSocket('udp4');
  try {
    // The first is refused, and tells what to sign with.
    const { attributes } = await exchange(socket, port, message([[REQUESTED_TRANSPORT, UDP]]));
    const [realm, nonce] = [attributes.get(ATTRIBUTES.realm), attributes.get(ATTRIBUTES.nonce)];
    if (realm === undefined || nonce === undefined) throw new Error('the relay does not ask who it is');
    const key = createHash('md5').update(`${username}:${realm.toString()}:${credential}`).digest();
    const asked: Attribute[] = [
      [REQUESTED_TRANSPORT, UDP],
      [ATTRIBUTES.username, Buffer.from(username)],
      [ATTRIBUTES.realm, realm],
      [ATTRIBUTES.nonce, nonce],
    ];
    const answer = await exchange(socket, port, message(asked, key));
    if (answer.type === ALLOCATED) return 'allocated';
    const error = answer.attributes.get(ATTRIBUTES.error)!;
    return error.readUInt8(2) * 100 + error.readUInt8(3);
  } finally {
    socket.close();
  }
}

type Attribute = [type: number, value: Buffer];

function message(attributes: Attribute[], key?: Buffer): Buffer {
  const body = Buffer.concat(attributes.map(encoded));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(ALLOCATE, 0);
  // What is signed counts its signature's length already.
  header.writeUInt16BE(body.length + (key === undefined ? 0 : INTEGRITY_BYTES), 2);
  header.writeUInt32BE(COOKIE, 4);
  randomBytes(12).copy(header, 8);
  const unsigned = Buffer.concat([header, body]);
  if (key === undefined) return unsigned;
  const signature = createHmac('sha1', key).update(unsigned).digest();
  return Buffer.concat([unsigned, encoded([ATTRIBUTES.integrity, signature])]);
}

function encoded([type, value]: Attribute): Buffer {
  const attribute = Buffer.alloc(4 + padded(value.length));
  attribute.writeUInt16BE(type, 0);
  attribute.writeUInt16BE(value.length, 2);
  value.copy(attribute, 4);
  return attribute;
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

function exchange(
  socket: Socket,
  port: number,
  request: Buffer,
): Promise<{ type: number; attributes: Map<number, Buffer> }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error('the relay does not answer'));
    }, TIMEOUT_MS);
    socket.once('message', (answer) => {
      clearTimeout(timer);
      resolve(decoded(answer));
    });
    socket.send(request, port, '127.0.0.1');
  });
}

function decoded(answer: Buffer): { type: number; attributes: Map<number, Buffer> } {
  const attributes = new Map<number, Buffer>();
  for (let at = HEADER_BYTES; at + 4 <= answer.length;) {
    const length = answer.readUInt16BE(at + 2);
    attributes.set(answer.readUInt16BE(at), answer.subarray(at + 4, at + 4 + length));
    at += 4 + padded(length);
  }
  return { type: answer.readUInt16BE(0), attributes };
}
