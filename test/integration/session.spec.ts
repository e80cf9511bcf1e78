import { PROJECT, startStack, type Stack } from '../support/stack.ts';

describe('POST /session', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(async () => {
    await stack.stop();
  });

  it('opens a session by project_id, with the contract’s answer', async () => {
    const { status, json } = await stack.request('/session', {
      body: { project_id: PROJECT, voice: 'echo' },
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      session_id: expect.stringMatching(/^ses_/),
      object: 'realtime.session',
      model: 'gpt-realtime-2.1',
      voice: 'echo',
      metadata: { project_id: PROJECT, provider: 'openai', flow: 'vault', max_concurrent: 5 },
    });
    expect(json.client_secret).toEqual({ value: json.value, expires_at: json.expires_at });
  });
});
