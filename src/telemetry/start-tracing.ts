import type { Environment } from '../config/load-settings.ts';

export interface Tracing {
  /** Sends what is still queued, as far as a few seconds go. */
  stop(): Promise<void>;
}

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];

/**
 * Starts OpenTelemetry's SDK as the standard variables say, before what is traced is loaded. Without an exporter it is
 * not even loaded: tracing that nobody receives costs nothing.
 */
export async function startTracing(environment: Environment): Promise<Tracing | undefined> {
  if (!isExporting(environment)) return undefined;
  const { startSdk } = await import('./opentelemetry-sdk.ts');
  return startSdk();
}

/** Whether the environment names somebody who receives traces. */
function isExporting(environment: Environment): boolean {
  const { OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporters = '' } = environment;
  if (disabled?.trim().toLowerCase() === 'true') return false;
  const names = exporters
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.includes('none')) return false;
  if (names.some((name) => name !== 'otlp')) return true;
  return ENDPOINTS.some((name) => (environment[name]?.trim() ?? '') !== '');
}
