import { join } from 'node:path';
import { kubectl } from './kubectl.ts';

/** The namespace's database speaks TLS from now on, as `postgres.NAMESPACE`; its data is lost. */
export async function giveDatabaseTls(namespace: string, folder: string, name: string): Promise<void> {
  const inNamespace = (...args: string[]): Promise<string> => kubectl('-n', namespace, ...args);
  const files = ['crt', 'key'].map(
    (end) => `--${end === 'crt' ? 'cert' : 'key'}=${join(folder, `${name}.${end}`)}`,
  );
  await inNamespace('create', 'secret', 'tls', 'database-tls', ...files);
  const container = {
    name: 'postgres',
    args: ['-c', 'ssl=on', '-c', 'ssl_cert_file=/tls/tls.crt', '-c', 'ssl_key_file=/tls/tls.key'],
    volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
  };
  // Readable for the group alone: PostgreSQL refuses a key that others can read.
  const volume = { name: 'tls', secret: { secretName: 'database-tls', defaultMode: 0o440 } };
  const patch = { spec: { template: { spec: { containers: [container], volumes: [volume] } } } };
  await inNamespace('patch', 'statefulset/postgres', '--patch', JSON.stringify(patch));
  await inNamespace('rollout', 'status', 'statefulset/postgres', '--timeout=120s');
}
