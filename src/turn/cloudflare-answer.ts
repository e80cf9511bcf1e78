import Type from 'typebox';
import { checker } from '../common/schema.ts';
import { ICE_URL } from '../projects/project-schema.ts';
import type { IceServer } from './ice-servers.ts';

/** The rest of a sentence that begins with who answered. Nothing of the answer is in it. */
export class UnusableAnswer extends Error {}

const Url = Type.String({ pattern: ICE_URL, maxLength: 300 });
const Text = Type.String({ pattern: '^[!-~]{1,1024}$' });
const checkAnswer = checker(
  Type.Object({
    iceServers: Type.Array(
      Type.Object({
        urls: Type.Union([Url, Type.Array(Url, { minItems: 1, maxItems: 20 })]),
        username: Type.Optional(Text),
        credential: Type.Optional(Text),
      }),
      { minItems: 1, maxItems: 10 },
    ),
  }),
);

/** Browsers do not open connections to the port of DNS, and wait for them all the same. */
const BLOCKED_PORT = /^[^?]*:53(\?|$)/;

/** The servers of an answer, without the URLs that browsers block; throws UnusableAnswer. */
export function readIceServers(text: string): IceServer[] {
  const checked = checkAnswer(parse(text));
  if (!checked.ok) throw new UnusableAnswer('with what is no list of ICE servers');
  const servers = checked.value.iceServers
    .map(({ urls, username, credential }) => ({
      urls: [urls].flat().filter((url) => !BLOCKED_PORT.test(url)),
      ...(username !== undefined && { username }),
      ...(credential !== undefined && { credential }),
    }))
    .filter(({ urls }) => urls.length > 0);
  const relays = servers.filter(({ urls }) => urls.some((url) => url.startsWith('turn')));
  if (relays.length === 0) throw new UnusableAnswer('without a relay');
  if (relays.some((relay) => relay.username === undefined || relay.credential === undefined)) {
    throw new UnusableAnswer('with a relay without credentials');
  }
  return servers;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnusableAnswer('with what is no JSON');
  }
}
