// Runs in a pod: one request to the ingress. Prints the answer as JSON.
import { askIngress } from './ingress.mjs';

const { method = 'GET', ...request } = JSON.parse(process.argv.at(-1));
const answer = await askIngress({ ...request, method, timeout: 15_000 });
process.stdout.write(`${JSON.stringify(answer)}\n`);
