import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { aProject, aSecret, aKey, writeManifests } from '../support/manifests.ts';
import { runProgram } from '../support/service-process.ts';
import { ask, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

describe('a service under attack', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ project: { session: { leaseSeconds: 7_200, secretTtlSeconds: 10 } } });
  });
  afterAll(async () => {
    await stack.stop();
  });

  it('refuses an answer of the provider that holds the key behind escapes', async () => {
    const provider = createServer((request, response) => {
      const key = (request.headers.authorization ?? '').slice('Bearer '.length);
      const escaped = [...key]
        .map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join('');
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.end(`{"value":"ek_1","expires_at":1,"session":{"id":"sess_1","instructions":"${escaped}"}}`);
    });
    await once(provider.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`;
    writeManifests(stack.directory, 'echo.json', [aProject(url, 'proj_echo'), aSecret('proj_echo', aKey())]);
    const answer = await until('the project is served', async () => {
      const asked = await stack.request('/session', { body: { project_id: 'proj_echo' } });
      return asked.status === 401 ? undefined : asked;
    });
    expect([answer.status, answer.json.error]).toEqual([502, 'provider_error']);
    provider.close();
  });

  it('does not let one manifest stop the others', async () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    const text = `{"kind":"Project","metadata":{"name":"deep","annotations":${deep}},"spec":{}}`;
    writeFileSync(join(stack.directory, 'deep.json'), text);
    await until('it is reported', async () => {
      const { json } = await stack.admin('/projects');
      return (json.problems as { source: string }[]).some(({ source }) => source === 'deep.json');
    });
    const { status } = await stack.admin('/projects/key/rotate', {
      body: { project_id: PROJECT, openai_key: aKey() },
    });
    expect(status).toBe(200);
  });

  it('goes on serving while it is migrated again and again', async () => {
    const migrated = new AbortController();
    const migrations = Promise.all(
      Array.from({ length: 4 }, () => runProgram(['migrate'], stack.environment)),
    ).finally(() => {
      migrated.abort();
    });
    const statuses = new Set<number>();
    while (!migrated.signal.aborted) {
      const { status, json } = await stack.request('/session', { body: { project_id: PROJECT } });
      statuses.add(status);
      if (status === 200) await stack.admin(`/sessions/${String(json.session_id)}`, { method: 'DELETE' });
    }
    expect((await migrations).map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect([...statuses]).toEqual([200]);
  });

  it('frees a slot that was taken by an answer which never arrived', async () => {
    const target = new URL(stack.database.servingUrl);
    const sockets = new Set<Socket>();
    let cutting = false;
    const proxy = createTcpServer((client) => {
      const server = connect(Number(target.port), target.hostname);
      for (const socket of [client, server]) {
        sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      }
      client.on('data', (chunk) => {
        server.write(chunk);
        // The request goes through; its answer, and all else for a while, does not.
        if (chunk.includes('session_created')) cutting = true;
      });
      server.on('data', (chunk) => {
        if (!cutting) client.write(chunk);
      });
      client.on('close', () => server.end());
      if (cutting) client.destroy();
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const cut = new URL(target);
    cut.port = String((proxy.address() as AddressInfo).port);
    const service = await stack.addService({ DATABASE_URL: cut.href });
    const ready = async (): Promise<boolean> => (await ask(`${service.opsUrl}/readyz`)).status === 200;
    await until('it is ready', ready);
    const opening = ask(`${service.url}/session`, { body: { project_id: PROJECT } });
    const taken = async (): Promise<number> => {
      const [row] = await stack.database.query<{ n: number }>(
        `SELECT count(*)::integer AS n FROM sessions WHERE state = 'active'`,
      );
      return row?.n ?? -1;
    };
    await until('the slot is taken for good', async () => (await taken()) === 1);
    for (const socket of sockets) socket.destroy();
    expect((await opening).status).toBe(503);
    cutting = false;
    await until('the slot is free again', async () => (await taken()) === 0);
    await service.stop();
    proxy.close();
  });

  it('does not count under an isolation level that overlooks sessions', async () => {
    const name = `"${stack.database.name}"`;
    await stack.database.query(
      `ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`,
    );
    const service = await stack.addService();
    const { status, json } = await stack.request('/session', {
      base: service.url,
      body: { project_id: PROJECT },
    });
    expect(status).toBe(200);
    await stack.admin(`/sessions/${String(json.session_id)}`, { method: 'DELETE' });
    await stack.database.query(`ALTER DATABASE ${name} RESET default_transaction_isolation`);
  });

  it('takes no secret that a crash left half written', async () => {
    const directory = join(stack.directory, 'half');
    mkdirSync(join(directory, 'secrets'), { recursive: true });
    writeFileSync(join(directory, 'secrets', 'admin-key'), '');
    const { VESTIBULE_ADMIN_KEY: _unset, ...environment } = stack.environment;
    const { code, stderr } = await runProgram(['serve'], { ...environment, VESTIBULE_DIR: directory });
    expect(code).toBe(78);
    expect(stderr).toContain('too short');
  });
});
