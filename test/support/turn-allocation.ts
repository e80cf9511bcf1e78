import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';

const ALLOCATE = 0x0003;
const ALLOCATED = 0x0103;
const CREATE_PERMISSION = 0x0008;
const PERMITTED = 0x0108;
const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const ID_BYTES = 12;
const INTEGRITY_BYTES = 24;
const ATTRIBUTES = {
  username: 0x0006,
  integrity: 0x0008,
  error: 0x0009,
  peer: 0x0012,
  realm: 0x0014,
  nonce: 0x0015,
  family: 0x0017,
};
const [IPV4, IPV6] = [1, 2];
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
export function allocate(port: number, account: Account): Promise<'allocated' | number> {
  return withSocket(async (socket) => {
    const { answer } = await allocateBy(socket, port, account, []);
    return answer.type === ALLOCATED ? 'allocated' : codeOf(answer);
  });
}

/** Whether the second that the user name begins with is over. A relay that is asked instead allocates each time. */
export function hasExpired({ username }: Account): boolean {
  return Date.now() / 1000 > Number(username.split(':')[0]) + 1;
}

/** Asks for an allocation, and then whether it may talk to a peer, which is told nothing: the code if not. */
export function permit(port: number, account: Account, peer: string): Promise<'permitted' | number> {
  return withSocket(async (socket) => {
    const family = peer.includes(':') ? IPV6 : IPV4;
    const wanted: Attribute[] = [[ATTRIBUTES.family, Buffer.from([family, 0, 0, 0])]];
    const { answer: allocated, key, signed } = await allocateBy(socket, port, account, wanted);
    if (allocated.type !== ALLOCATED) throw new Error(`no allocation: ${codeOf(allocated)}`);
    const id = randomBytes(ID_BYTES);
    const asked: Attribute[] = [[ATTRIBUTES.peer, peerAddress(family, bytesOf(peer), id)], ...signed];
    const answer = await exchange(socket, port, message(CREATE_PERMISSION, asked, { key, id }));
    return answer.type === PERMITTED ? 'permitted' : codeOf(answer);
  });
}

async function withSocket<Result>(work: (socket: Socket) => Promise<Result>): Promise<Result> {
  const socket = createSocket('udp4');
  try {
    return await work(socket);
  } finally {
    socket.close();
  }
}

async function allocateBy(
  socket: Socket,
  port: number,
  { username, credential }: Account,
  wanted: Attribute[],
): Promise<{ answer: Answer; key: Buffer; signed: Attribute[] }> {
  const transport: Attribute[] = [[REQUESTED_TRANSPORT, UDP], ...wanted];
  // The first is refused, and tells what to sign with.
  const { attributes } = await exchange(socket, port, message(ALLOCATE, transport));
  const [realm, nonce] = [attributes.get(ATTRIBUTES.realm), attributes.get(ATTRIBUTES.nonce)];
  if (realm === undefined || nonce === undefined) throw new Error('the relay does not ask who it is');
  const key = createHash('md5').update(`${username}:${realm.toString()}:${credential}`).digest();
  const signed: Attribute[] = [
    [ATTRIBUTES.username, Buffer.from(username)],
    [ATTRIBUTES.realm, realm],
    [ATTRIBUTES.nonce, nonce],
  ];
  const answer = await exchange(socket, port, message(ALLOCATE, [...transport, ...signed], { key }));
  return { answer, key, signed };
}

function codeOf({ attributes }: Answer): number {
  const error = attributes.get(ATTRIBUTES.error)!;
  return error.readUInt8(2) * 100 + error.readUInt8(3);
}

/** XOR-PEER-ADDRESS, of any port. */
function peerAddress(family: number, address: Buffer, id: Buffer): Buffer {
  const mask = Buffer.alloc(4 + ID_BYTES);
  mask.writeUInt32BE(COOKIE);
  id.copy(mask, 4);
  return Buffer.concat([Buffer.from([0, family, 0, 1]), address.map((byte, index) => byte ^ mask[index]!)]);
}

/** Of an IPv4 address, or of an IPv6 address in groups of hexadecimal digits. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = [], tail = []] = address
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':').map((group) => group.padStart(4, '0'))));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0000');
  return Buffer.from([...head, ...zeros, ...tail].join(''), 'hex');
}

interface Answer {
  type: number;
  attributes: Map<number, Buffer>;
}

type Attribute = [type: number, value: Buffer];

function message(
  method: number,
  attributes: Attribute[],
  { key, id = randomBytes(ID_BYTES) }: { key?: Buffer; id?: Buffer } = {},
): Buffer {
  const body = Buffer.concat(attributes.map(encoded));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(method, 0);
  // What is signed counts its signature's length already.
  header.writeUInt16BE(body.length + (key === undefined ? 0 : INTEGRITY_BYTES), 2);
  header.writeUInt32BE(COOKIE, 4);
  id.copy(header, 8);
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

function exchange(socket: Socket, port: number, request: Buffer): Promise<Answer> {
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

function decoded(answer: Buffer): Answer {
  const attributes = new Map<number, Buffer>();
  for (let at = HEADER_BYTES; at + 4 <= answer.length;) {
    const length = answer.readUInt16BE(at + 2);
    attributes.set(answer.readUInt16BE(at), answer.subarray(at + 4, at + 4 + length));
    at += 4 + padded(length);
  }
  return { type: answer.readUInt16BE(0), attributes };
}
