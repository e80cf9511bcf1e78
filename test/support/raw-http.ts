import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  /** Lower-case names; of a repeated one the last. */
  headers: Record<string, string>;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  json: any;
}

/** Sends bytes as no client library would, and returns every answer up to the server's close. */
export async function exchange(url: string, ...parts: (string | Buffer)[]): Promise<RawAnswer[]> {
  const { socket, answers } = await open(url);
  for (const part of parts) socket.write(part);
  return answers;
}

/** As `exchange`, but it is the client that hangs up, after the first answer and all that it has to send. */
export async function askOnce(url: string, ...parts: (string | Buffer)[]): Promise<RawAnswer | undefined> {
  const { socket, answers } = await open(url);
  socket.once('data', () => socket.end());
  for (const part of parts) socket.write(part);
  return (await answers)[0];
}

/** A connection to write to at leisure. */
export async function open(url: string): Promise<{ socket: Socket; answers: Promise<RawAnswer[]> }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  // What was not yet sent when the server hung up is lost, and that is no failure.
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const answers = closed.then(() => parseAnswers(Buffer.concat(chunks)));
  await once(socket, 'connect');
  return { socket, answers };
}

function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`not an HTTP answer: ${rest.toString('latin1').slice(0, 200)}`);
    const [statusLine = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 2),
      ]),
    );
    const status = Number(statusLine.split(' ')[1]);
    const length = Number(headers['content-length'] ?? 0);
    const text = rest.subarray(end + 4, end + 4 + length).toString('utf8');
    // The interim answer to `Expect: 100-continue`.
    if (status !== 100) answers.push({ status, headers, text, json: parse(text) });
    rest = rest.subarray(end + 4 + length);
  }
  return answers;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
