import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DefinitionsApi {
  kubeconfig: string;
  close(): Promise<void>;
}

const API = '/apis/apiextensions.k8s.io/v1';

/** An API server as far as a template looks at it: CustomResourceDefinitions, by name, with these annotations. */
export async function serveDefinitions(
  annotations: Readonly<Record<string, Record<string, string> | undefined>>,
): Promise<DefinitionsApi> {
  const answers = new Map<string, object>([
    [
      API,
      {
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: 'apiextensions.k8s.io/v1',
        resources: [
          {
            name: 'customresourcedefinitions',
            kind: 'CustomResourceDefinition',
            namespaced: false,
            verbs: ['get'],
          },
        ],
      },
    ],
    ...Object.entries(annotations).map(
      ([name, given]) =>
        [
          `${API}/customresourcedefinitions/${name}`,
          {
            apiVersion: 'apiextensions.k8s.io/v1',
            kind: 'CustomResourceDefinition',
            metadata: { name, ...(given && { annotations: given }) },
          },
        ] as const,
    ),
  ]);
  const server = createServer((request, response) => {
    const answer = answers.get(request.url?.split('?', 1)[0] ?? '');
    const missing = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 };
    response
      .writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer ?? missing));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const directory = mkdtempSync(join(tmpdir(), 'vestibule-chart-'));
  const kubeconfig = join(directory, 'kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify(configOf((server.address() as AddressInfo).port)), {
    mode: 0o600,
  });
  return {
    kubeconfig,
    close: async () => {
      rmSync(directory, { recursive: true });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function configOf(port: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  };
}
