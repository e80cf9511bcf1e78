// Deposits a random key, in the form that the simulator takes, for a project that this makes; waits for the service.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const DEADLINE_MS = 5 * 60_000;
const PAUSE_MS = 1_000;

const request = {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-admin-api-key': process.env.ADMIN_KEY },
  body: JSON.stringify({
    project_id: 'proj_demo',
    openai_key: ['sk', 'demo', randomBytes(24).toString('hex')].join('-'),
    validate: true,
  }),
};

async function deposit() {
  try {
    const answer = await fetch('http://vestibule:3000/projects/key', {
      ...request,
      signal: AbortSignal.timeout(30_000),
    });
    const text = await answer.text();
    return answer.ok ? { done: text } : { problem: `${answer.status}: ${text}` };
  } catch (error) {
    return { problem: String(error.cause ?? error) };
  }
}

const deadline = performance.now() + DEADLINE_MS;
let last = await deposit();
while (last.done === undefined && performance.now() < deadline) {
  await pause(PAUSE_MS);
  last = await deposit();
}
if (last.done === undefined) throw new Error(`not within ${DEADLINE_MS} ms: ${last.problem}`);
console.log(last.done);
