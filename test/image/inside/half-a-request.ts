// Sends half of a request to the service at ADDRESS, and the rest once that says that it is no longer ready.
import { once } from 'node:events';
import { connect } from 'node:net';

const DEADLINE_MS = 30_000;
const PAUSE_MS = 10;
const { ADDRESS = '' } = process.env;
const [first, second] = ['{"project_id":', '"nobodys"}'];
const head = [
  'POST /session HTTP/1.1',
  `Host: ${ADDRESS}`,
  'Content-Type: application/json',
  `Content-Length: ${first.length + second.length}`,
];

const isReady = async (): Promise<boolean> => (await fetch(`http://${ADDRESS}:9464/readyz`)).status === 200;
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const socket = connect(3000, ADDRESS);
socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('no answer')));
await once(socket, 'connect');
await new Promise((sent) => socket.write(`${head.join('\r\n')}\r\n\r\n${first}`, sent));
if (await isReady()) say('half of it is sent');
while (await isReady()) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
say('it is not ready');
socket.write(second);
const [answer] = (await once(socket, 'data')) as [Buffer];
say(answer.toString('utf8').split('\r\n')[0] ?? '');
socket.destroy();
