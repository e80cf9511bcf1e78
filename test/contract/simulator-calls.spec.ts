import { randomBytes } from 'node:crypto';

import { jest } from '@jest/globals';
import OpenAI from 'openai';

import { readOffer } from '../simulator/sdp.ts';
import { startSimulator } from '../simulator/simulator.ts';
import type { Simulator, SimulatorOptions } from '../simulator/simulator.ts';
import { aKey } from '../support/manifests.ts';
import { mintSecret } from '../support/provider-secrets.ts';
import { RealtimeCaller } from '../support/realtime-caller.ts';
import type { Received } from '../support/realtime-caller.ts';
import { eventProblems } from '../support/sdk-types.ts';
import { until } from '../support/until.ts';

type Json = Record<string, unknown>;

const KEY = aKey();

/** Of the protocol that opens data channels, RFC 8832. */
const DCEP = 50;
const DATA_CHANNEL_ACK = 2;

const TRANSCRIBED = { audio: { input: { transcription: { model: 'gpt-4o-transcribe' } } } };

/** All that it ever says. */
const SPOKEN = [
  'conversation.item.added',
  'conversation.item.deleted',
  'conversation.item.done',
  'conversation.item.input_audio_transcription.completed',
  'conversation.item.retrieved',
  'conversation.item.truncated',
  'error',
  'input_audio_buffer.cleared',
  'input_audio_buffer.committed',
  'input_audio_buffer.speech_started',
  'input_audio_buffer.speech_stopped',
  'output_audio_buffer.cleared',
  'output_audio_buffer.started',
  'output_audio_buffer.stopped',
  'rate_limits.updated',
  'response.content_part.added',
  'response.content_part.done',
  'response.created',
  'response.done',
  'response.output_audio.done',
  'response.output_audio_transcript.delta',
  'response.output_audio_transcript.done',
  'response.output_item.added',
  'response.output_item.done',
  'response.output_text.delta',
  'response.output_text.done',
  'session.created',
  'session.updated',
];

/** The SDK types the session of an event as one that is asked for: without what only answers have, nulls among it. */
function asTyped(event: Received): Received {
  if (!event.type.startsWith('session.')) return event;
  const { id, object, expires_at, ...session } = event['session'] as Json;
  expect({ id, object, expires_at }).toEqual({
    id: expect.stringMatching(/^sess_/) as unknown,
    object: 'realtime.session',
    expires_at: expect.any(Number) as unknown,
  });
  const asked = JSON.stringify(session, (_name, value: unknown) => value ?? undefined);
  return { ...event, session: JSON.parse(asked) as Json };
}

interface OpenCall {
  caller: RealtimeCaller;
  id: string;
}

describe('calls of the provider simulator', () => {
  let simulator: Simulator;
  const callers: RealtimeCaller[] = [];

  beforeAll(async () => {
    simulator = await startSimulator();
  });

  afterAll(() => simulator.close());

  afterEach(async () => {
    await Promise.all(callers.splice(0).map((caller) => caller.close()));
    simulator.clearFaults();
    await simulator.hangUpAll();
    simulator.reset();
  });

  function post(of: Simulator, body: string, headers: Record<string, string>): Promise<Response> {
    return fetch(`${of.url}/realtime/calls`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', ...headers },
      body,
    });
  }

  const bearer = (value: string): { authorization: string } => ({ authorization: `Bearer ${value}` });

  function newCaller(): RealtimeCaller {
    const caller = new RealtimeCaller();
    callers.push(caller);
    return caller;
  }

  /** A call whose channel is open; `session` is what its secret was minted for. */
  async function call(session: Json = {}, of = simulator): Promise<OpenCall> {
    return callWith(await mintSecret(of, KEY, session), of);
  }

  async function callWith(secret: string, of = simulator): Promise<OpenCall> {
    const caller = newCaller();
    const response = await post(of, await caller.offer(), bearer(secret));
    expect(response.status).toBe(201);
    await caller.take(await response.text());
    await caller.event('session.created');
    return { caller, id: response.headers.get('location')?.split('/').at(-1) ?? '' };
  }

  async function refused(response: Response): Promise<Json> {
    return ((await response.json()) as { error: Json }).error;
  }

  /** What is said to an event, or to what the caller does, until something of the last type is said. */
  async function said(
    { caller }: OpenCall,
    act: Json | string | (() => unknown),
    last: string,
  ): Promise<Received[]> {
    const before = caller.events.length;
    if (typeof act === 'function') act();
    else caller.send(act);
    await caller.event(last, before);
    return caller.events.slice(before);
  }

  const typesOf = (events: Received[]): string[] =>
    events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);

  describe('making one', () => {
    it('answers an offer with SDP and the place of the call', async () => {
      const response = await post(
        simulator,
        await newCaller().offer(),
        bearer(await mintSecret(simulator, KEY)),
      );
      expect(response.status).toBe(201);
      expect(response.headers.get('content-type')).toBe('application/sdp');
      expect(response.headers.get('location')).toMatch(/^\/v1\/realtime\/calls\/rtc_[0-9a-f]+$/);
      const answer = await response.text();
      expect(answer).toMatch(/^v=0\r\n/);
      expect(answer.match(/^a=candidate:.*$/gm)?.filter((line) => !line.includes(' 127.0.0.1 '))).toEqual([]);
      expect(simulator.seen().calls).toEqual({ made: 1, open: 1 });
    });

    it('is read by a page of another origin, after a preflight that is no request of the provider', async () => {
      const origin = { origin: 'http://elsewhere.example' };
      const preflight = await fetch(`${simulator.url}/realtime/calls`, {
        method: 'OPTIONS',
        headers: { ...origin, 'access-control-request-method': 'POST' },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
      expect(preflight.headers.get('access-control-allow-methods')).toBe('POST');
      expect(preflight.headers.get('access-control-allow-headers')).toMatch(/^authorization, content-type\b/);
      expect(simulator.seen().requests).toBe(0);

      const refusal = await post(simulator, '', origin);
      expect(refusal.status).toBe(401);
      expect(refusal.headers.get('access-control-allow-origin')).toBe('*');
      expect(refusal.headers.get('access-control-expose-headers')).toContain('location');
    });

    it('takes a secret as often as it comes, each time for a session of its own', async () => {
      const secret = await mintSecret(simulator, KEY);
      const [one, other] = [await callWith(secret), await callWith(secret)];
      expect(one.id).not.toBe(other.id);
      const ids = [one, other].map(({ caller }) => (caller.events[0]?.['session'] as Json)['id']);
      expect(new Set(ids).size).toBe(2);
    });

    it.each([
      ['no secret', () => ({}), 'Missing bearer authentication in header', null],
      ['a project’s key', () => bearer(KEY), 'Incorrect API key provided', 'invalid_api_key'],
      [
        'a secret of nobody',
        () => bearer(`ek_${randomBytes(16).toString('hex')}`),
        'Incorrect API key provided',
        'invalid_api_key',
      ],
    ])('refuses %s', async (_name, headers, message, code) => {
      const response = await post(simulator, await newCaller().offer(), headers());
      expect(response.status).toBe(401);
      expect(await refused(response)).toEqual({ message, code, type: 'invalid_request_error', param: null });
    });

    it('refuses a secret that has expired', async () => {
      const secret = await mintSecret(simulator, KEY);
      const offer = await newCaller().offer();
      const now = Date.now();
      const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 601_000);
      try {
        expect((await post(simulator, offer, bearer(secret))).status).toBe(401);
        clock.mockReturnValue(now + 599_000);
        expect((await post(simulator, offer, bearer(secret))).status).toBe(201);
      } finally {
        clock.mockRestore();
      }
    });

    it.each([
      ['nothing', () => ''],
      ['what is no SDP', () => '{"sdp":"v=0"}'],
      ['an offer without what ICE needs', (offer: string) => offer.replaceAll(/^a=ice-pwd:.*\r\n/gm, '')],
      [
        'an offer of nothing but video',
        (offer: string) => offer.replaceAll(/^m=(audio|application)/gm, 'm=video'),
      ],
      ['an offer without Opus', (offer: string) => offer.replaceAll(/OPUS\/48000\/2/gi, 'G722/8000')],
      ['an offer of many sections', (offer: string) => offer + offer.slice(offer.indexOf('m=')).repeat(20)],
    ])('refuses %s', async (_name, change) => {
      const offer = change(await newCaller().offer());
      const response = await post(simulator, offer, bearer(await mintSecret(simulator, KEY)));
      expect(response.status).toBe(400);
      expect(await refused(response)).toMatchObject({ code: 'invalid_offer', param: 'sdp' });
      expect(simulator.seen().calls).toEqual({ made: 0, open: 0 });
    });

    it('refuses another type than SDP, and an offer that is too large', async () => {
      const secret = bearer(await mintSecret(simulator, KEY));
      const offer = await newCaller().offer();
      const typed = await post(simulator, offer, { ...secret, 'content-type': 'application/json' });
      expect([typed.status, (await refused(typed))['code']]).toEqual([400, 'unsupported_content_type']);
      expect((await post(simulator, offer + 'a=x\r\n'.repeat(15_000), secret)).status).toBe(413);
    });

    it('refuses video and connects the rest', () => {
      const dtls = ['a=ice-ufrag:u', 'a=ice-pwd:p', 'a=fingerprint:sha-256 00'];
      const section = (name: string, mid: string): string[] => [`m=${name}`, `a=mid:${mid}`, ...dtls];
      const offer = [
        ...['v=0', 's=-', 'a=group:BUNDLE a v d'],
        ...[...section('audio 9 UDP/TLS/RTP/SAVPF 111', 'a'), 'a=candidate:1 1 udp 1 x.local 9 typ host'],
        ...section('video 9 UDP/TLS/RTP/SAVPF 96 97', 'v'),
        ...section('application 9 UDP/DTLS/SCTP webrtc-datachannel', 'd'),
      ];
      const read = readOffer(offer.join('\r\n'));
      expect(read?.sdp).not.toMatch(/video|candidate/);
      expect(read?.sdp).toContain('a=group:BUNDLE a d\r\n');
      const answer = [
        'v=0',
        'm=audio 9 UDP/TLS/RTP/SAVPF 111',
        'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
      ];
      expect(read?.complete(answer.join('\r\n')).split('\r\n')).toEqual([
        ...answer.slice(0, 2),
        ...['m=video 0 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=inactive', 'a=mid:v'],
        ...[answer[2], ''],
      ]);
    });
  });

  describe('what is said', () => {
    it('begins with the session of the secret', async () => {
      const { caller } = await call({ instructions: 'Be brief.', audio: { output: { voice: 'marin' } } });
      expect(caller.events).toMatchObject([
        {
          type: 'session.created',
          session: {
            type: 'realtime',
            object: 'realtime.session',
            model: 'gpt-realtime-2.1',
            instructions: 'Be brief.',
            audio: { output: { voice: 'marin' } },
          },
        },
      ]);
    });

    it('changes what a client names of its session, and nothing else', async () => {
      const open = await call({ instructions: 'Be brief.' });
      const session = { type: 'realtime', audio: { input: { turn_detection: null } } };
      const events = await said(open, { type: 'session.update', session }, 'session.updated');
      expect(events[0]?.['session']).toMatchObject({
        instructions: 'Be brief.',
        audio: { input: { turn_detection: null, format: { type: 'audio/pcm' } }, output: { voice: 'alloy' } },
      });
    });

    it('passes back the audio that it hears', async () => {
      const { caller } = await call({ audio: { input: { turn_detection: null } } });
      const sent = caller.speak(200);
      await until('the audio', () => caller.echoed.length >= sent.length);
      expect(caller.echoed).toEqual(sent);
    });

    it('answers a turn of speech, as a voice that detects turns does', async () => {
      const open = await call(TRANSCRIBED);
      const events = await said(
        open,
        () => {
          open.caller.speak(400);
          open.caller.pause(600);
        },
        'output_audio_buffer.stopped',
      );
      expect(typesOf(events)).toEqual([
        'input_audio_buffer.speech_started',
        'input_audio_buffer.speech_stopped',
        'input_audio_buffer.committed',
        'conversation.item.added',
        'conversation.item.done',
        'conversation.item.input_audio_transcription.completed',
        'response.created',
        'rate_limits.updated',
        'response.output_item.added',
        'conversation.item.added',
        'response.content_part.added',
        'output_audio_buffer.started',
        'response.output_audio_transcript.delta',
        'response.output_audio.done',
        'response.output_audio_transcript.done',
        'response.content_part.done',
        'conversation.item.done',
        'response.output_item.done',
        'response.done',
        'output_audio_buffer.stopped',
      ]);
      const [started, stopped] = events;
      expect(Number(stopped?.['audio_end_ms']) - Number(started?.['audio_start_ms'])).toBeGreaterThanOrEqual(
        880,
      );
      const words = events.filter(({ type }) => type.endsWith('transcript.delta')).map(({ delta }) => delta);
      const done = events.find(({ type }) => type === 'response.output_audio_transcript.done');
      expect(done?.['transcript']).toBe(words.join(''));
      expect(words.length).toBeGreaterThan(3);
    });

    it('ends a turn of one who stops sending, or never pauses', async () => {
      const { caller } = await call();
      caller.speak(300);
      const first = await caller.event('input_audio_buffer.speech_stopped');
      expect(first['audio_end_ms']).toBeLessThan(320);
      const before = caller.events.length;
      caller.speak(3_400);
      const second = await caller.event('input_audio_buffer.speech_stopped', before);
      expect(Number(second['audio_end_ms']) - Number(first['audio_end_ms'])).toBeGreaterThanOrEqual(3_000);
    });

    it('takes a click for no speech, and transcribes only where it was asked to', async () => {
      const { caller } = await call();
      caller.speak(40);
      caller.pause(1_500);
      caller.speak(100);
      await caller.event('response.done');
      expect(typesOf(caller.events).filter((type) => type.includes('speech_started'))).toHaveLength(1);
      expect(typesOf(caller.events).filter((type) => type.includes('transcription'))).toEqual([]);
      const [, started] = caller.events;
      expect(started?.['audio_start_ms']).toBeGreaterThan(1_400);
    });

    it('hears the end of a turn once, however long the silence after it goes on', async () => {
      const { caller } = await call();
      caller.speak(200);
      caller.pause(1_000);
      await caller.event('response.done');
      caller.pause(200);
      const before = caller.events.length;
      // It says a word every 40 ms, and so talks for longer than the silence after which a turn is over.
      const content = [{ type: 'input_text', text: 'and '.repeat(30) }];
      caller.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
      caller.send({ type: 'response.create' });
      await caller.event('response.done', before);
      expect(typesOf(caller.events.slice(before))).not.toContain('input_audio_buffer.speech_stopped');
    });

    it('leaves turns to a client that wants to say itself when one is over', async () => {
      const open = await call({ audio: { input: { turn_detection: null } } });
      const nothing = await said(open, { type: 'input_audio_buffer.commit' }, 'error');
      expect(nothing).toMatchObject([{ error: { code: 'input_audio_buffer_commit_empty' } }]);

      const sent = open.caller.speak(300);
      await until('the audio', () => open.caller.echoed.length >= sent.length);
      const commit = { type: 'input_audio_buffer.commit' };
      expect(typesOf(await said(open, commit, 'conversation.item.done'))).toEqual([
        'input_audio_buffer.committed',
        'conversation.item.added',
        'conversation.item.done',
      ]);
      open.caller.send({ type: 'response.create' });
      await open.caller.event('response.done');
    });

    it('answers what was written, in text when text is asked for', async () => {
      const open = await call();
      const item = {
        type: 'message',
        role: 'user',
        content: [{ type: 'input_text', text: 'Good evening.' }],
      };
      const added = await said(open, { type: 'conversation.item.create', item }, 'conversation.item.done');
      expect(added.map(({ type }) => type)).toEqual(['conversation.item.added', 'conversation.item.done']);
      const response = { output_modalities: ['text'], metadata: { turn: '1' } };
      const events = await said(open, { type: 'response.create', response }, 'response.done');
      expect(typesOf(events)).toEqual([
        'response.created',
        'rate_limits.updated',
        'response.output_item.added',
        'conversation.item.added',
        'response.content_part.added',
        'response.output_text.delta',
        'response.output_text.done',
        'response.content_part.done',
        'conversation.item.done',
        'response.output_item.done',
        'response.done',
      ]);
      expect(events.at(-1)).toMatchObject({
        response: {
          status: 'completed',
          metadata: { turn: '1' },
          output: [{ content: [{ type: 'output_text', text: 'You wrote: Good evening.' }] }],
        },
      });
    });

    it('stops a response that is cancelled, and one that is talked over', async () => {
      const open = await call();
      const create = { type: 'response.create' };
      await said(open, create, 'response.output_audio_transcript.delta');
      const second = await said(open, create, 'error');
      expect(second.find(({ type }) => type === 'error')).toMatchObject({
        error: { code: 'conversation_already_has_active_response' },
      });
      const cancelled = await said(open, { type: 'response.cancel' }, 'output_audio_buffer.cleared');
      expect(cancelled.find(({ type }) => type === 'response.done')).toMatchObject({
        response: { status: 'cancelled', status_details: { type: 'cancelled', reason: 'client_cancelled' } },
      });
      const none = await said(open, { type: 'response.cancel' }, 'error');
      expect(none).toMatchObject([{ error: { code: 'response_cancel_not_active' } }]);

      await said(open, create, 'response.created');
      const interrupted = await said(open, () => open.caller.speak(100), 'output_audio_buffer.cleared');
      expect(interrupted.find(({ type }) => type === 'response.done')).toMatchObject({
        response: { status: 'cancelled', status_details: { reason: 'turn_detected' } },
      });
    });

    it.each([
      ['what is no JSON', 'hello', { code: 'invalid_event' }],
      ['no object', '[]', { code: 'invalid_event' }],
      [
        'an event without a type',
        { event_id: 'mine' },
        { code: 'missing_required_parameter', event_id: 'mine' },
      ],
      ['a type that there is not', { type: 'constructor' }, { code: 'invalid_value', param: 'type' }],
      [
        'a session that the mint would refuse',
        { type: 'session.update', session: { type: 'realtime', audio: { output: { speed: 9 } } } },
        { code: 'invalid_value', param: 'session.audio.output.speed' },
      ],
      [
        'another model',
        { type: 'session.update', session: { type: 'realtime', model: 'gpt-realtime-mini' } },
        { code: 'invalid_value', param: 'session.model' },
      ],
      [
        'an item that is not there',
        { type: 'conversation.item.delete', item_id: 'x' },
        { code: 'item_not_found' },
      ],
      ['what is too long', `{"type":"${'x'.repeat(65_536)}"}`, { code: 'invalid_event' }],
    ])('says what is wrong with %s, and goes on', async (_name, event, error) => {
      const open = await call();
      const events = await said(open, event, 'error');
      expect(events).toMatchObject([{ error: { type: 'invalid_request_error', ...error } }]);
      await said(open, { type: 'response.create' }, 'response.done');
    });

    it('says everything as the provider’s SDK types it', async () => {
      const open = await call(TRANSCRIBED);
      const { caller } = open;
      await said(open, () => [caller.speak(300), caller.pause(600)], 'output_audio_buffer.stopped');
      const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello.' }] };
      caller.send({ type: 'conversation.item.create', item: { ...item, id: 'item_mine' } });
      caller.send({ type: 'conversation.item.retrieve', item_id: 'item_mine' });
      caller.send({ type: 'conversation.item.delete', item_id: 'item_mine' });
      caller.send({ type: 'input_audio_buffer.clear' });
      caller.send({ type: 'session.update', session: { type: 'realtime', instructions: 'Be brief.' } });
      const text = { type: 'response.create', response: { output_modalities: ['text'] } };
      await said(open, text, 'response.done');
      const spoken = await said(open, { type: 'response.create' }, 'response.content_part.added');
      const item_id = spoken.find(({ type }) => type === 'response.content_part.added')?.['item_id'];
      await said(open, { type: 'response.cancel' }, 'output_audio_buffer.cleared');
      caller.send({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 20 });
      await said(open, { type: 'nonsense' }, 'error');

      expect([...new Set(caller.events.map(({ type }) => type))].sort()).toEqual(SPOKEN);
      const ids = caller.events.map(({ event_id }) => event_id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(eventProblems(caller.events.map(asTyped))).toEqual([]);
      // A check that finds nothing wrong with anything would find nothing here.
      expect(eventProblems([{ type: 'response.created' }])).toHaveLength(1);
    });
  });

  describe('ending one', () => {
    const sdk = (key: string): OpenAI => new OpenAI({ apiKey: key, baseURL: simulator.url, maxRetries: 0 });

    it('ends when the key that made its secret hangs up, and only then', async () => {
      const { caller, id } = await call();
      const unknown = { status: 404, code: 'call_id_not_found' };
      await expect(sdk(aKey()).realtime.calls.hangup(id)).rejects.toMatchObject(unknown);
      expect(simulator.seen().calls.open).toBe(1);
      await sdk(KEY).realtime.calls.hangup(id);
      expect(simulator.seen().calls).toEqual({ made: 1, open: 0 });
      await until('the client to see it', () => caller.channelState === 'closed');
      await expect(sdk(KEY).realtime.calls.hangup(id)).rejects.toMatchObject(unknown);
    });

    it('ends when the client closes it', async () => {
      const { caller } = await call();
      await caller.close();
      await until('the call to end', () => simulator.seen().calls.open === 0);
    });

    it('ends all at once when it is told to, so that clients connect again', async () => {
      const secret = await mintSecret(simulator, KEY);
      const calls = [await callWith(secret), await callWith(secret)];
      const origin = new URL(simulator.url).origin;
      expect((await fetch(`${origin}/__simulator/calls`, { method: 'DELETE' })).status).toBe(204);
      await until('both to see it', () => calls.every(({ caller }) => caller.channelState === 'closed'));
      await callWith(secret);
    });

    it('refuses them while a fault says so, and mints all the same', async () => {
      simulator.fault({ kind: 'status', status: 503, route: 'calls', times: 1 });
      const secret = await mintSecret(simulator, KEY);
      const response = await post(simulator, await newCaller().offer(), bearer(secret));
      expect(response.status).toBe(503);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      await callWith(secret);
    });
  });

  describe('its bounds', () => {
    async function withOwn(
      options: SimulatorOptions,
      test: (own: Simulator) => Promise<void>,
    ): Promise<void> {
      const own = await startSimulator(options);
      try {
        await test(own);
      } finally {
        await own.close();
      }
    }

    it('ends a call that has lasted long enough, and says why', async () => {
      await withOwn({ calls: { lastsMs: 1_000 } }, async (own) => {
        const { caller } = await call({}, own);
        expect(await caller.event('error')).toMatchObject({ error: { code: 'session_expired' } });
        await until('the call to end', () => own.seen().calls.open === 0);
      });
    });

    it('keeps no call that never connects', async () => {
      await withOwn({ calls: { silentMs: 300 } }, async (own) => {
        await post(own, await newCaller().offer(), bearer(await mintSecret(own, KEY)));
        expect(own.seen().calls.open).toBe(1);
        await until('the call to end', () => own.seen().calls.open === 0);
      });
    });

    it('has as many open as it may, and no more', async () => {
      await withOwn({ calls: { open: 2 } }, async (own) => {
        const secret = bearer(await mintSecret(own, KEY));
        const offers = await Promise.all([1, 2, 3].map(() => newCaller().offer()));
        const answers = await Promise.all(offers.map((offer) => post(own, offer, secret)));
        expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 429]);
      });
    });

    it('takes so many messages in one call', async () => {
      await withOwn({ calls: { messages: 3 } }, async (own) => {
        const { caller } = await call({}, own);
        for (let sent = 0; sent < 4; sent += 1) caller.send({ type: 'input_audio_buffer.clear' });
        expect(await caller.event('error')).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
        await until('the call to end', () => own.seen().calls.open === 0);
      });
    });

    it('ends a call in which more is to be said than one message may hold', async () => {
      const { caller } = await call();
      // Within 64 KiB as it comes, and beyond as it would be told.
      const content = [{ type: 'input_text', text: 'x'.repeat(65_350) }];
      caller.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
      await until('the call to end', () => simulator.seen().calls.open === 0);
      await call();
    });

    it('ends a call whose client takes no message of any use', async () => {
      const caller = newCaller();
      const offer = (await caller.offer()).replace(/^a=max-message-size:.*$/m, 'a=max-message-size:1');
      expect(offer).toContain('a=max-message-size:1\r\n');
      const response = await post(simulator, offer, bearer(await mintSecret(simulator, KEY)));
      await caller.take(await response.text());
      await until('the call to end', () => simulator.seen().calls.open === 0);
      expect(caller.events).toEqual([]);
      await call();
    });

    it.each<[string, (caller: RealtimeCaller) => void]>([
      [
        'a message of no known kind',
        (caller) => {
          caller.sendAs(99, Buffer.from('x'));
        },
      ],
      [
        'an acknowledgement of a channel that it never opened',
        (caller) => {
          caller.sendAs(DCEP, Buffer.from([DATA_CHANNEL_ACK]), 40);
        },
      ],
      [
        'a packet with a chunk that has no length',
        (caller) => {
          caller.sendPacket(Buffer.alloc(16));
        },
      ],
      [
        'what is no packet at all',
        (caller) => {
          caller.sendPacket(Buffer.from('what is no packet at all'));
        },
      ],
      [
        'more channels than it could use',
        (caller) => {
          for (let opened = 0; opened < 16; opened += 1) caller.openChannel();
        },
      ],
    ])('ends a call for %s, and nothing else', async (_, act) => {
      const other = await call();
      const { caller } = await call();
      act(caller);
      await until('the call to end', () => simulator.seen().calls.open === 1);
      expect(typesOf(await said(other, { type: 'response.create' }, 'response.done'))).toContain(
        'response.created',
      );
    });

    it('stops with calls open, and leaves neither socket nor timer', async () => {
      const held = (): string[] =>
        process.getActiveResourcesInfo().filter((name) => /^(UDP|TCPServer|Timeout)/.test(name));
      const before = held().length;
      const own = await startSimulator();
      const { caller } = await call({}, own);
      caller.send({ type: 'response.create' });
      await caller.event('response.created');
      await own.close();
      expect(own.seen().calls.open).toBe(0);
      await until('the client to see it', () => caller.channelState === 'closed');
      await caller.close();
      await until('all to be let go', () => held().length <= before);
    });
  });
});
