import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fetchMetricsJson, fetchMetricsText, parseMetricsText, toTotals } from './pages/metrics.ts';

const TOTALS = {
  vault_hits: 7,
  vault_hit_ratio: 1,
  error_rate: 0.25,
  sessions_total: 7,
  sessions_active: 2,
  latency_ms: { p50: 1.5, p95: 20, p99: 30 },
};

describe('the text of metrics', () => {
  it('is read with names, labels and values', () => {
    const text = [
      '# HELP sessions_total Requests',
      '# TYPE sessions_total counter',
      'sessions_total 7',
      'sessions_active{project="proj_1"} 2',
      'by{a="1",b="x, y=\\"z\\"\\n\\\\"} 1.5e-3 1763824800000',
      'lowest -Inf',
      'highest{le="+Inf"} +Inf',
      '',
    ].join('\n');
    expect(parseMetricsText(text)).toEqual([
      { name: 'sessions_total', labels: {}, value: 7 },
      { name: 'sessions_active', labels: { project: 'proj_1' }, value: 2 },
      { name: 'by', labels: { a: '1', b: 'x, y="z"\n\\' }, value: 0.0015 },
      { name: 'lowest', labels: {}, value: -Infinity },
      { name: 'highest', labels: { le: '+Inf' }, value: Infinity },
    ]);
    expect(parseMetricsText('odd NaN\r\n')[0]?.value).toBeNaN();
  });

  it.each([
    'no value',
    'name',
    'name x',
    'name 1 2 3',
    'name 0x10',
    'name Infinity',
    'name{a=1} 1',
    'name{a="1" b="2"} 1',
    'name{a="1"',
    '<html>',
  ])('is refused as a whole with a line like %s', (line) => {
    expect(() => parseMetricsText(`fine 1\n${line}\n`)).toThrow(/cannot be read/);
  });
});

describe('the JSON of metrics', () => {
  it('is what it says, and nothing more', () => {
    expect(toTotals({ ...TOTALS, later: 1 })).toEqual(TOTALS);
  });

  it.each([
    [null, 'p50'],
    ['7', 'p50'],
    [{ ...TOTALS, vault_hits: '7' }, 'vault_hits'],
    [{ ...TOTALS, error_rate: null }, 'error_rate'],
    [{ ...TOTALS, sessions_active: Number.NaN }, 'sessions_active'],
    [{ ...TOTALS, latency_ms: { p50: 1, p95: 2 } }, 'p99'],
  ])('is refused without a figure: %j', (value, missing) => {
    expect(() => toTotals(value)).toThrow(
      missing === 'p50' ? /the metrics have no/ : `the metrics have no ${missing}`,
    );
  });
});

describe('metrics of a service', () => {
  let status = 200;
  const server = createServer((request, response) => {
    const isJson = request.headers.accept === 'application/json';
    response.statusCode = status;
    response.end(
      request.url !== '/below/metrics' ? 'elsewhere' : isJson ? JSON.stringify(TOTALS) : 'sessions_total 7\n',
    );
  });
  let base: string;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/below/`;
  });
  afterAll(() => {
    server.close();
  });

  it('are asked for in either form, below the path of the service', async () => {
    expect(await fetchMetricsText(base)).toEqual([{ name: 'sessions_total', labels: {}, value: 7 }]);
    expect(await fetchMetricsJson(base)).toEqual(TOTALS);
  });

  it('are no metrics when the answer is an error', async () => {
    status = 503;
    await expect(fetchMetricsText(base)).rejects.toThrow('answered by 503');
    await expect(fetchMetricsJson(base)).rejects.toThrow('answered by 503');
  });
});
