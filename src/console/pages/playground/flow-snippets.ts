import {
  curlSnippet,
  objectLiteral,
  openingSnippet,
  quoted,
  sessionBody,
  shellWord,
  type SnippetValues,
} from '../support/snippets.ts';

/** The whole vault flow in one language each. None of them has a place for a key. */
export interface FlowSnippet {
  name: string;
  code: (values: SnippetValues) => string;
}

export const FLOW_SNIPPETS: readonly FlowSnippet[] = [
  { name: 'curl', code: curlFlow },
  { name: 'Browser', code: browserFlow },
  { name: 'TypeScript', code: typescriptFlow },
  { name: 'Python', code: pythonFlow },
  { name: 'AI assistant', code: assistantInstructions },
];

function curlFlow(values: SnippetValues): string {
  return `base=${shellWord(values.baseUrl)}

# Open a session. "value" is the ephemeral credential, "connect" says where to use it.
session=$(${curlSnippet(values, '"$base/session"')})
id=$(printf '%s' "$session" | sed -n 's/.*"session_id":"\\([^"]*\\)".*/\\1/p')
lease=$(printf '%s' "$session" | sed -n 's/.*"lease_token":"\\([^"]*\\)".*/\\1/p')

# Keep the slot: when half of the lease is over.
curl -sS -X POST "$base/session/$id/heartbeat" -H "authorization: Bearer $lease"

# Give it back.
curl -sS -X DELETE "$base/session/$id" -H "authorization: Bearer $lease"`;
}

function browserFlow(values: SnippetValues): string {
  return `${openingSnippet(values).replace('// session.value', '// No key is here, nor ever was. session.value')}
const lease = { authorization: \`Bearer \${session.lease_token}\` };
const sessionUrl = \`${values.baseUrl}/session/\${session.session_id}\`;

// Call the provider with that credential.
const peer = new RTCPeerConnection({ iceServers: session.turn_credentials.iceServers });
const speaker = new Audio();
speaker.autoplay = true;
peer.ontrack = ({ streams }) => { speaker.srcObject = streams[0]; };
const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
peer.addTrack(microphone.getTracks()[0], microphone);
const events = peer.createDataChannel('oai-events');
events.onmessage = ({ data }) => console.log(JSON.parse(data).type);
await peer.setLocalDescription();
const answer = await fetch(session.connect.webrtc, {
  method: 'POST',
  headers: { authorization: \`Bearer \${session.value}\`, 'content-type': 'application/sdp' },
  body: peer.localDescription.sdp,
});
await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });

// Keep the slot while you talk.
const heartbeat = setInterval(() => fetch(\`\${sessionUrl}/heartbeat\`, { method: 'POST', headers: lease }), 30_000);

// Credentials of relays expire: fetch new ones before, for when ICE has to restart.
let renewal;
async function renewRelays() {
  const relays = await fetch(${quoted(`${values.baseUrl}/turn-credentials`)}, { headers: lease })
    .then((told) => told.json())
    .catch(() => ({}));
  if (relays._turn_enabled) peer.setConfiguration({ iceServers: relays.iceServers });
  renewal = setTimeout(renewRelays, relays._turn_enabled ? relays.ttl * 800 : 15_000);
}
if (session.turn_credentials.iceServers.some(({ credential }) => credential)) renewRelays();

// Give the slot back when the page goes.
addEventListener('pagehide', () => {
  clearInterval(heartbeat);
  clearTimeout(renewal);
  navigator.sendBeacon(\`\${sessionUrl}/release\`, JSON.stringify({ lease_token: session.lease_token }));
});`;
}

function typescriptFlow(values: SnippetValues): string {
  return `import type { RealtimeClientEvent, RealtimeServerEvent } from 'openai/resources/realtime/realtime';

interface Session {
  session_id: string;
  value: string;
  lease_token: string;
  connect: { websocket: string };
}

const opened = await fetch(${quoted(`${values.baseUrl}/session`)}, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(${objectLiteral(sessionBody(values))}),
});
if (!opened.ok) throw new Error(\`no session: \${opened.status}\`);
const session = (await opened.json()) as Session;

// The credential was minted for this conversation alone: no key is here, nor ever was.
const realtime = new WebSocket(session.connect.websocket, ['realtime', \`openai-insecure-api-key.\${session.value}\`]);
const send = (event: RealtimeClientEvent) => realtime.send(JSON.stringify(event));
realtime.onmessage = ({ data }) => {
  const event = JSON.parse(data) as RealtimeServerEvent;
  if (event.type === 'session.created') send({ type: 'response.create' });
  if (event.type === 'response.output_audio_transcript.done') console.log(event.transcript);
  if (event.type === 'response.done') realtime.close();
};
realtime.onclose = () =>
  fetch(\`${values.baseUrl}/session/\${session.session_id}\`, {
    method: 'DELETE',
    headers: { authorization: \`Bearer \${session.lease_token}\` },
  });`;
}

function pythonFlow(values: SnippetValues): string {
  const body = Object.entries(sessionBody(values)).map(([name, text]) => `${quoted(name)}: ${quoted(text)}`);
  return `import json
from urllib.request import Request, urlopen

BASE_URL = ${quoted(values.baseUrl)}


def ask(method, path, body=None, lease=None):
    headers = {'content-type': 'application/json'} if body else {}
    if lease:
        headers['authorization'] = f'Bearer {lease}'
    data = json.dumps(body).encode() if body else None
    with urlopen(Request(BASE_URL + path, data, headers, method=method), timeout=20) as answer:
        return json.loads(answer.read() or 'null')


session = ask('POST', '/session', {${body.join(', ')}})
lease = session['lease_token']
try:
    # session['value'] is the credential; use it once, where session['connect'] says.
    print('call', session['connect']['webrtc'], 'until', session['expires_at'])
    ask('POST', f"/session/{session['session_id']}/heartbeat", lease=lease)
finally:
    ask('DELETE', f"/session/{session['session_id']}", lease=lease)`;
}

function assistantInstructions(values: SnippetValues): string {
  return `Add realtime voice to this project through Vestibule, a session broker. Follow these rules exactly.

1. There is no API key in this project, and there must never be one: not in code, environment, configuration,
   requests or tests. Do not ask me for one. A request that carries a key, also as X-OpenAI-API-Key, is refused.
2. To open a session: POST ${values.baseUrl}/session with content-type application/json and the body
   ${JSON.stringify(sessionBody(values))}
   Browsers may call this themselves.
3. The answer has value (an ephemeral credential, ek_…, for one conversation, expires_at in unix seconds),
   connect.webrtc and connect.websocket (where to use it), turn_credentials.iceServers (for RTCPeerConnection),
   session_id, lease_token and lease_expires_at. Keep them in memory only; log none of them.
4. To talk: create an RTCPeerConnection with those iceServers, add the microphone's track, create the data channel
   "oai-events", and POST the offer's SDP to connect.webrtc with Authorization: Bearer <value> and content-type
   application/sdp. The answer's body is the SDP answer. Events on the channel are those of the OpenAI Realtime API.
5. Keep the slot: POST ${values.baseUrl}/session/<session_id>/heartbeat with Authorization: Bearer <lease_token>
   when half of the lease is over. 410 means that the session ended.
6. Credentials of relays expire. If an ICE server has a credential: once connected, and then whenever 80 % of the last
   answer's ttl (seconds) is over, GET ${values.baseUrl}/turn-credentials with the same header, and hand its iceServers
   to setConfiguration() if _turn_enabled is true; else, or if it fails, keep those you have and ask again in 15 s.
7. Give it back: DELETE ${values.baseUrl}/session/<session_id> with the same header; when the page goes
   (pagehide), navigator.sendBeacon to /session/<session_id>/release with the body {"lease_token": "<lease_token>"}.
8. Errors are {"error", "message", "request_id"}. On 429 wait until resetAt (unix seconds); on 503 for Retry-After
   seconds; 401 means that the project id is wrong or not open to this origin; on 502 and 504 the provider is down.
   Show people what happened and what to do; never retry in a tight loop.
9. Everything else is in ${values.baseUrl}/openapi.json. Write tests for opening, renewing, giving back, and 429.`;
}
