// Makes the demo's Secret with random values, unless it is there.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const namespace = readFileSync(`${ACCOUNT}/namespace`, 'utf8');
const random = () => randomBytes(32).toString('hex');
const [owner, serving] = [random(), random()];

const answer = await fetch(`https://kubernetes.default.svc/api/v1/namespaces/${namespace}/secrets`, {
  method: 'POST',
  headers: {
    authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8')}`,
    'content-type': 'application/json',
  },
  body: JSON.stringify({
    metadata: { name: 'demo' },
    stringData: {
      'admin-key': random(),
      'jwt-secret': random(),
      'owner-password': owner,
      'serving-password': serving,
      'migration-url': `postgres://vestibule_owner:${owner}@postgres:5432/vestibule`,
      'database-url': `postgres://vestibule_serving:${serving}@postgres:5432/vestibule`,
    },
  }),
  signal: AbortSignal.timeout(10_000),
});
if (!answer.ok && answer.status !== 409) throw new Error(`the API server answers ${answer.status}`);
