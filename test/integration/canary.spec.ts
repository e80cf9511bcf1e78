import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-turn.ts';
import { aKey, aProject, aSecret, aSecretOfRelays, aTurnSecret } from '../support/manifests.ts';
import { runProgram } from '../support/service-process.ts';
import { type Answer, ask, PROJECT, type RequestOptions, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

/** Every way in which a key's text could have been written down. */
function formsOf(key: string): string[] {
  const bytes = Buffer.from(key, 'utf8');
  // Base64 of a text inside a longer one depends on its offset: the middle of each of the three is telling enough.
  const shifted = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [key, encodeURIComponent(key), bytes.toString('hex'), ...shifted];
}

describe('a provider key, or a secret of relays', () => {
  let stack: Stack;
  let cloudflare: CloudflareStandIn;
  const seen: string[] = [];
  const keys = [aKey(), aKey(), aKey()] as const;
  const relays = { coturn: aTurnSecret(), malformed: aTurnSecret() };

  const note = async (answer: Promise<Answer>): Promise<Answer> => {
    const { headers, text, ...rest } = await answer;
    seen.push(text, JSON.stringify([...headers]));
    return { headers, text, ...rest };
  };
  const admin = (path: string, options?: RequestOptions): Promise<Answer> => note(stack.admin(path, options));
  const open = (body: unknown = { project_id: PROJECT }): Promise<Answer> =>
    note(stack.request('/session', { body }));

  beforeAll(async () => {
    cloudflare = await startCloudflare();
    stack = await startStack({
      environment: { LOG_LEVEL: 'trace', VESTIBULE_TURN_CLOUDFLARE_URL: cloudflare.url },
      manifests: (baseUrl) => [
        aProject(baseUrl, 'proj_coturn', {
          turn: { type: 'coturn', urls: ['turn:192.0.2.1'], secretRef: { name: 'coturn' } },
        }),
        aSecret('proj_coturn', aKey()),
        aSecretOfRelays('coturn', relays.coturn),
        aSecretOfRelays('malformed', `${relays.malformed} and more`),
        ...['proj_cloud', 'proj_echo', 'proj_cloud_away'].flatMap((id) => [
          aProject(baseUrl, id, {
            turn: { type: 'cloudflare', keyId: cloudflare.keyId, secretRef: { name: 'cloud' } },
          }),
          aSecret(id, aKey()),
        ]),
        aSecretOfRelays('cloud', cloudflare.token),
      ],
    });
  });
  afterAll(async () => {
    await stack.stop();
    await cloudflare.close();
  });

  it('is nowhere but in the vault and at the provider, whatever happens', async () => {
    const [first, second, inBrokenFile] = keys;
    await admin('/projects/key', { body: { project_id: PROJECT, openai_key: first } });
    expect((await open()).status).toBe(200);
    await admin('/projects/key/rotate', { body: { project_id: PROJECT, openai_key: second } });
    expect((await open()).status).toBe(200);
    for (const openai_key of [`${first}\n`, [first], { key: first }, `${first}é`]) {
      await admin('/projects/key', { body: { project_id: PROJECT, openai_key } });
    }
    await admin('/projects/key', { body: `{"project_id":"${PROJECT}","openai_key":"${first}"` });
    await admin('/projects/key', {
      body: { project_id: PROJECT, openai_key: first, validate: 1, extra: first },
    });
    await note(stack.request('/session', { body: {}, headers: { 'x-openai-api-key': first } }));
    await note(stack.request('/session', { body: {}, headers: { authorization: `Bearer ${first}` } }));
    await note(stack.request(`/session/${first}`, { headers: { authorization: `Bearer ${first}` } }));
    await note(stack.request(`/${first}?key=${first}`, { headers: { 'x-admin-api-key': first } }));
    await open({ project_id: first, model: first, voice: first, [first]: first });

    for (const fault of [
      { kind: 'status', status: 401, body: { error: { message: `Incorrect API key provided: ${second}` } } },
      { kind: 'status', status: 400, body: { error: { message: second, param: second } } },
      { kind: 'status', status: 500, body: second },
      { kind: 'status', status: 429, retryAfter: second },
      { kind: 'status', status: 200, body: { value: second, expires_at: 1, session: { id: second } } },
      { kind: 'redirect', location: `http://127.0.0.1:1/${second}` },
      { kind: 'hangup' },
      { kind: 'garbage' },
    ]) {
      await ask(new URL('/__simulator/faults', stack.simulator.url).href, { method: 'DELETE' });
      await ask(new URL('/__simulator/faults', stack.simulator.url).href, { body: [fault] });
      expect((await open()).status).not.toBe(200);
    }
    stack.simulator.clearFaults();

    for (const project_id of ['proj_coturn', 'proj_cloud']) {
      const opened = await stack.request('/session', { body: { project_id } });
      seen.push(opened.text);
      expect(opened.json.turn_credentials.iceServers).toHaveLength(2);
      await note(
        stack.request('/turn-credentials', {
          headers: { authorization: `Bearer ${opened.json.lease_token}` },
        }),
      );
    }
    cloudflare.answer = (response) => {
      const urls = ['turn:192.0.2.1'];
      response.writeHead(201);
      response.end(JSON.stringify({ iceServers: [{ urls, username: 'u', credential: cloudflare.token }] }));
    };
    await open({ project_id: 'proj_echo' });
    await cloudflare.close();
    await open({ project_id: 'proj_cloud_away' });

    const broken = `kind: Secret\nmetadata: {name: broken}\nstringData: {apiKey: "${inBrokenFile}}\n  - [`;
    writeFileSync(join(stack.directory, 'broken.yaml'), broken);
    writeFileSync(join(stack.directory, 'broken.json'), `{"stringData": "${inBrokenFile}"`);
    writeFileSync(
      join(stack.directory, 'wrong.yaml'),
      `kind: ${inBrokenFile}\nmetadata: {name: "${inBrokenFile}"}\n`,
    );
    await until('the broken files are reported', async () => {
      const { json } = await stack.admin('/projects');
      return ['broken.yaml', 'broken.json', 'wrong.yaml'].every((file) =>
        (json.problems as { source: string }[]).some(({ source }) => source.startsWith(file)),
      );
    });
    for (const path of [
      '/projects',
      '/clients',
      '/sessions',
      '/audit-logs?limit=1000',
      '/health/vault',
      '/metrics',
      '/health',
    ]) {
      await admin(path);
    }
    await note(ask(`${stack.opsUrl}/metrics`));
    await admin('/projects/key', { method: 'DELETE', body: { project_id: PROJECT } });
    const exported = await runProgram(['audit', 'export'], stack.environment);
    expect(exported.code).toBe(0);
    seen.push(exported.stdout, exported.stderr);
    for (const { name } of await stack.database.query<{ name: string }>(
      `SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    )) {
      const rows = await stack.database.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      seen.push(...rows.map(({ row }) => row));
    }
    for (const { pid } of stack.services) {
      for (const file of ['cmdline', 'environ'])
        seen.push(readFileSync(join('/proc', String(pid), file), 'latin1'));
    }
    await Promise.all(stack.services.map((service) => service.stop()));
    seen.push(...stack.services.flatMap(({ output }) => output));

    const all = seen.join('\n');
    const secrets = [...keys, ...Object.values(relays), cloudflare.token];
    for (const form of secrets.flatMap(formsOf)) expect(all).not.toContain(form);
    // the search itself works: what may be written down is found
    expect(all).toContain('vault_key_rotated');
    expect(all).toContain('Cloudflare answered with the token itself');
    expect(all).toContain('Cloudflare could not be asked');
  });
});
