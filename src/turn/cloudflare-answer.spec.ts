import { iceServersOf } from '../../test/support/cloudflare-turn.ts';
import { readIceServers, UnusableAnswer } from './cloudflare-answer.ts';

const relay = { urls: ['turn:turn.example.com'], username: 'u', credential: 'c' };
const listing = (...iceServers: unknown[]): string => JSON.stringify({ iceServers });

describe('the answer of Cloudflare', () => {
  it('is taken without the URLs that browsers block', () => {
    const host = 'turn.cloudflare.com';
    expect(readIceServers(JSON.stringify(iceServersOf('u', 'c')))).toEqual([
      { urls: ['stun:stun.cloudflare.com:3478'] },
      {
        urls: [
          `turn:${host}:3478?transport=udp`,
          `turn:${host}:3478?transport=tcp`,
          `turn:${host}:80?transport=tcp`,
          `turns:${host}:5349?transport=tcp`,
          `turns:${host}:443?transport=tcp`,
        ],
        username: 'u',
        credential: 'c',
      },
    ]);
  });

  it('may give one URL as a text, servers of which no URL is left, and fields that nobody asked for', () => {
    const text = listing(
      { urls: 'stun:s.example.com:53' },
      { ...relay, urls: 'turn:[2001:db8::53]?transport=udp', credentialType: 'password', extra: ['x'] },
    );
    expect(readIceServers(text)).toEqual([{ ...relay, urls: ['turn:[2001:db8::53]?transport=udp'] }]);
  });

  it.each([
    ['no JSON', '<html>'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['what older versions of it gave', JSON.stringify({ iceServers: relay })],
    ['no server', listing()],
    ['a server that is none', listing('turn:x')],
    ['no URL', listing({ ...relay, urls: [] })],
    ['a URL of another sort', listing({ ...relay, urls: ['turn:x', 'javascript:alert(1)'] })],
    ['a URL with a user', listing({ ...relay, urls: ['turn:a@b'] })],
    ['a URL that goes on', listing({ ...relay, urls: ['turn:x\r\nturn:y'] })],
    ['a number of servers', listing(...Array.from({ length: 11 }, () => relay))],
    ['a number of URLs', listing({ ...relay, urls: Array.from({ length: 21 }, () => 'turn:x') })],
    ['STUN alone', listing({ urls: ['stun:s.example.com'] })],
    ['relays on a blocked port alone', listing({ ...relay, urls: ['turn:x:53', 'turn:x:53?transport=udp'] })],
    ['a relay without a user name', listing({ urls: relay.urls, credential: 'c' })],
    ['a relay without a credential', listing({ urls: relay.urls, username: 'u' })],
    ['a relay among others without credentials', listing(relay, { urls: ['turns:y'] })],
    ['a credential that is none', listing({ ...relay, credential: { a: 1 } })],
    ['an empty credential', listing({ ...relay, credential: '' })],
    ['an endless credential', listing({ ...relay, credential: 'x'.repeat(1_025) })],
  ])('is not taken with %s', (_what, text) => {
    expect(() => readIceServers(text)).toThrow(UnusableAnswer);
  });

  it('is not repeated where it is refused', () => {
    const text = listing({ ...relay, urls: ['a-word-of-theirs'] });
    expect(() => readIceServers(text)).toThrow(/^with what is no list of ICE servers$/);
  });
});
