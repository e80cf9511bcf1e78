// Runs in a pod: opens and releases sessions through the ingress at a constant pace until its input ends. Prints a line of
// JSON for every request that was not answered as it should be, and at the end how many there were in all.
import { Agent } from 'node:https';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { askIngress } from './ingress.mjs';

const { projectId, perSecond } = JSON.parse(process.argv.at(-1));
const TIMEOUT_MS = 10_000;
const MOST_AT_ONCE = 500;
const agent = new Agent({ keepAlive: true, maxSockets: 100 });
let opened = 0;
let failed = 0;
const pending = new Set();

const ask = (method, path, more) => askIngress({ method, path, ...more, timeout: TIMEOUT_MS, agent });

function tell(step, at, { status = 0, headers = {}, text = '' }) {
  failed += 1;
  const retryAfter = headers['retry-after'];
  process.stdout.write(
    `${JSON.stringify({ step, at, ended: Date.now(), status, retryAfter, text: text.slice(0, 200) })}\n`,
  );
}

async function openOne() {
  const at = Date.now();
  let step = 'open';
  try {
    const answer = await ask('POST', '/session', { body: { project_id: projectId } });
    if (answer.status !== 200) return tell(step, at, answer);
    opened += 1;
    step = 'release';
    const { session_id: id, lease_token: token } = JSON.parse(answer.text);
    const freed = await ask('DELETE', `/session/${id}`, { headers: { authorization: `Bearer ${token}` } });
    if (freed.status !== 204) tell(step, at, freed);
  } catch (error) {
    tell(step, at, { text: String(error) });
  }
}

const started = performance.now();
let begun = 0;
/** Also what a late timer has missed. */
const timer = setInterval(() => {
  for (const due = ((performance.now() - started) / 1_000) * perSecond; begun < due; begun += 1) {
    if (pending.size >= MOST_AT_ONCE) {
      tell('open', Date.now(), { text: 'too many are under way' });
      continue;
    }
    const one = openOne().finally(() => pending.delete(one));
    pending.add(one);
  }
}, 1_000 / perSecond);
process.stdout.write(`${JSON.stringify({ started: Date.now() })}\n`);
for await (const _ of process.stdin);
clearInterval(timer);
await Promise.all(pending);
process.stdout.write(`${JSON.stringify({ opened, failed })}\n`);
agent.destroy();
