import { randomBytes } from 'node:crypto';
import { aClient } from '../support/manifests.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { PROJECT, type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const CLIENT = 'traced-client';
const SPAN_ID = 'b'.repeat(16);
const newTraceId = (): string => randomBytes(16).toString('hex');

describe('Tracing', () => {
  let receiver: OtlpReceiver;
  let stack: Stack;
  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    stack = await startStack({
      project: { session: { maxConcurrent: 100 } },
      manifests: () => [aClient(CLIENT, PROJECT)],
      environment: {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    });
  });
  afterAll(async () => {
    await stack.stop();
    await receiver.close();
  });

  const open = (headers: Record<string, string> = {}, base = stack.url): ReturnType<Stack['request']> =>
    stack.request('/session', { body: { project_id: PROJECT }, headers, base });
  const spansOf = (traceId: string): ReceivedSpan[] =>
    receiver.spans.filter((span) => span.traceId === traceId);
  const rootOf = (traceId: string): Promise<ReceivedSpan> =>
    until('the request’s span arrives', () => spansOf(traceId).find(({ kind }) => kind === 2));
  const attribute = (span: ReceivedSpan | undefined, key: string): unknown =>
    Object.values(span?.attributes.find((each) => each.key === key)?.value ?? {})[0];

  it('makes one trace of a session, under the caller’s span', async () => {
    const traceId = newTraceId();
    const authorization = `Bearer ${await stack.token(CLIENT)}`;
    const opened = await stack.request('/session', {
      method: 'POST',
      headers: { authorization, traceparent: `00-${traceId}-${SPAN_ID}-01`, baggage: 'a=b' },
    });
    expect(opened.status).toBe(200);
    const root = await rootOf(traceId);
    expect(root).toMatchObject({ name: 'POST /session', parentSpanId: SPAN_ID });
    expect(attribute(root, 'http.response.status_code')).toBe(200);
    expect(attribute(root, 'vestibule.request_id')).toBe(opened.headers.get('x-request-id'));
    expect(attribute(root, 'vestibule.flow')).toBe('commercial');
    const steps = spansOf(traceId).filter((span) => span !== root);
    expect(steps.map(({ name }) => name)).toEqual(['authenticate', 'reserve', 'key', 'mint', 'activate']);
    expect(new Set(steps.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([root.spanId]));
    const mint = steps.find(({ name }) => name === 'mint');
    expect(mint?.kind).toBe(3);
    expect(attribute(mint, 'http.response.status_code')).toBe(200);
  });

  it('tells neither provider nor spans what they must not know', async () => {
    const traceId = newTraceId();
    const token = await stack.token(CLIENT);
    const leased = await open({ traceparent: `00-${traceId}-${SPAN_ID}-01`, baggage: 'secret=baggage' });
    await stack.admin(`/projects/${PROJECT}`, { method: 'PATCH', body: { suspended: false } });
    await stack.request('/session', { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    await rootOf(traceId);
    const patch = 'PATCH /projects/:id';
    await until('the last span arrives', () => receiver.spans.some(({ name }) => name === patch));
    const { log } = stack.simulator.seen();
    expect(log.length).toBeGreaterThan(0);
    for (const { forbidden_headers: forbidden } of log) expect(forbidden).toEqual([]);
    const { value, lease_token: leaseToken } = leased.json as Record<string, string>;
    for (const text of receiver.texts) {
      for (const secret of [stack.key, stack.adminKey, token, value!, leaseToken!, PROJECT, 'baggage']) {
        expect(text).not.toContain(secret);
      }
    }
  });

  it('names the failed step and its code', async () => {
    stack.simulator.fault({ kind: 'status', status: 500, times: 1 });
    const traceId = newTraceId();
    const answer = await open({ traceparent: `00-${traceId}-${SPAN_ID}-01` });
    expect(answer.status).toBe(502);
    const root = await rootOf(traceId);
    expect(root.status.code).toBe(2);
    expect(attribute(root, 'error.type')).toBe('provider_error');
    const failed = spansOf(traceId).filter((span) => span.status.code === 2 && span !== root);
    expect(failed.map((span) => [span.name, attribute(span, 'error.type')])).toEqual([
      ['mint', 'provider_error'],
    ]);
  });

  it('puts the trace’s id into log and audit, also of a trace that began here', async () => {
    const given = newTraceId();
    await open({ traceparent: `00-${given}-${SPAN_ID}-01` });
    const begun = await open();
    const requestId = begun.headers.get('x-request-id') ?? '';
    const root = await until('its span arrives', () =>
      receiver.spans.find((span) => attribute(span, 'vestibule.request_id') === requestId),
    );
    const { logs } = (await stack.admin('/audit-logs?limit=1000')).json as {
      logs: { trace_id: string; request_id: string; event: string }[];
    };
    const eventsOf = (traceId: string): string[] =>
      logs.filter((row) => row.trace_id === traceId).map(({ event }) => event);
    for (const traceId of [given, root.traceId]) {
      expect(eventsOf(traceId)).toEqual(['session_created', 'vault_key_loaded']);
      await until('the log has it', () =>
        stack.services[0]!.output.some((line) => line.includes(`"trace_id":"${traceId}"`)),
      );
    }
  });

  it('shows a recorded trace as exemplar, to those who read OpenMetrics', async () => {
    const traceId = newTraceId();
    await open({ traceparent: `00-${traceId}-${SPAN_ID}-01` });
    const read = async (accept: string): Promise<string> =>
      (await fetch(`${stack.opsUrl}/metrics`, { headers: { accept } })).text();
    const text = await read('application/openmetrics-text; version=1.0.0');
    for (const name of ['session_open', 'provider_request']) {
      const exemplar = new RegExp(`^${name}_duration_seconds_bucket.* # {trace_id="${traceId}"} `, 'm');
      expect(text).toMatch(exemplar);
    }
    expect(text.endsWith('# EOF\n')).toBe(true);
    expect(text).toMatch(/^vault_hits_total{.*} \d+$/m);
    const plain = await read('text/plain');
    expect(plain).not.toContain('trace_id');
    expect(plain).toMatch(/^vault_hits_total{.*} \d+$/m);
  });

  it('lets only a trusted proxy decide what is recorded', async () => {
    const sampling = { OTEL_TRACES_SAMPLER: 'parentbased_always_off' };
    const untrusting = await stack.addService(sampling);
    const trusting = await stack.addService({ ...sampling, VESTIBULE_TRUST_PROXY: '127.0.0.0/8' });
    const [forced, believed, declined] = [newTraceId(), newTraceId(), newTraceId()];
    await open({ traceparent: `00-${forced}-${SPAN_ID}-01` }, untrusting.url);
    await open({ traceparent: `00-${believed}-${SPAN_ID}-01` }, trusting.url);
    await open({ traceparent: `00-${declined}-${SPAN_ID}-00` });
    await rootOf(believed);
    // Not believed either way: by default everything is recorded.
    await rootOf(declined);
    await untrusting.stop();
    expect(spansOf(forced)).toEqual([]);
  });

  it.each([
    ['a malformed header', 'nonsense'],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN_ID}-01`],
    ['a span of zeros', `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`],
    ['an unknown version 255', `ff-${'a'.repeat(32)}-${SPAN_ID}-01`],
    ['more after version 0', `00-${'a'.repeat(32)}-${SPAN_ID}-01-more`],
  ])('begins a trace of its own after %s', async (_, traceparent) => {
    const opened = await open({ traceparent });
    expect(opened.status).toBe(200);
    const requestId = opened.headers.get('x-request-id');
    const root = await until('its span arrives', () =>
      receiver.spans.find((span) => attribute(span, 'vestibule.request_id') === requestId),
    );
    expect(root.parentSpanId ?? '').toBe('');
    expect(root.traceId).not.toBe('a'.repeat(32));
  });
});
