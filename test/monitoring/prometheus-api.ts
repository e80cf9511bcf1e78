import { ask } from '../support/ask.ts';

export interface Sample {
  metric: Record<string, string>;
  value: [number, string];
}

/** Questions to a Prometheus, wherever it runs. */
export class PrometheusApi {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** At this moment; throws for what Prometheus cannot evaluate. */
  async query(expr: string): Promise<Sample[]> {
    const { result } = await this.#get<{ result: Sample[] }>('query', { query: expr });
    return result;
  }

  async series(matcher: string): Promise<Record<string, string>[]> {
    return this.#get<Record<string, string>[]>('series', { 'match[]': matcher });
  }

  async rules(): Promise<{ name: string; health: string; lastError?: string }[]> {
    const { groups } = await this.#get<{
      groups: { rules: { name: string; health: string; lastError?: string }[] }[];
    }>('rules', {});
    return groups.flatMap(({ rules }) => rules);
  }

  async #get<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const search = new URLSearchParams(parameters).toString();
    const { json } = await ask(`${this.#url}/api/v1/${path}?${search}`);
    if (json?.status !== 'success') throw new Error(`${search}: ${json?.error ?? 'no answer'}`);
    return json.data as T;
  }
}
