// Runs in a pod: requests at a constant pace, of several streams at once, until its input ends. A stream goes through the
// ingress, or to a base URL inside; its callers have as many addresses as it says. Sessions that are opened are released,
// unless they are to be held. Prints a line of JSON at the start, and at the end what every stream was answered.
import { Agent } from 'node:https';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { askIngress } from './ingress.mjs';

const { AbortSignal, fetch } = globalThis;
const streams = JSON.parse(process.argv.at(-1));
const TIMEOUT_MS = 12_000;
const MOST_AT_ONCE = 600;
const agent = new Agent({ keepAlive: true, maxSockets: MOST_AT_ONCE });
const pending = new Set();
const answers = streams.map(() => ({}));

async function askInside(base, { method, path, headers, body }) {
  const answer = await fetch(base + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return { status: answer.status, text: await answer.text() };
}

async function ask(base, request) {
  try {
    if (base !== undefined) return await askInside(base, request);
    return await askIngress({ ...request, timeout: TIMEOUT_MS, agent });
  } catch {
    return { status: 0, text: '' };
  }
}

async function play(stream, number, counts) {
  const {
    base,
    method = 'POST',
    path = '/session',
    headers = {},
    body,
    addresses = 250,
    hold = false,
  } = stream;
  const from = { 'x-forwarded-for': `198.51.100.${1 + (number % addresses)}` };
  const { status, text } = await ask(base, { method, path, headers: { ...from, ...headers }, body });
  counts[status] = (counts[status] ?? 0) + 1;
  if (path !== '/session' || status !== 200 || hold) return;
  const { session_id: id, lease_token: token } = JSON.parse(text);
  const lease = { ...from, authorization: `Bearer ${token}` };
  await ask(base, { method: 'DELETE', path: `/session/${id}`, headers: lease });
}

const started = performance.now();
const timers = streams.map((stream, index) => {
  const counts = answers[index];
  let begun = 0;
  /** Also what a late timer has missed. */
  return setInterval(() => {
    for (const due = ((performance.now() - started) / 1_000) * stream.perSecond; begun < due; begun += 1) {
      if (pending.size >= MOST_AT_ONCE) {
        counts.unsent = (counts.unsent ?? 0) + 1;
        continue;
      }
      const one = play(stream, begun, counts).finally(() => pending.delete(one));
      pending.add(one);
    }
  }, 1_000 / stream.perSecond);
});
process.stdout.write(`${JSON.stringify({ started: Date.now() })}\n`);
for await (const _ of process.stdin);
for (const timer of timers) clearInterval(timer);
await Promise.all(pending);
process.stdout.write(`${JSON.stringify({ answers })}\n`);
agent.destroy();
