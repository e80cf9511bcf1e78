import { NodeSDK } from '@opentelemetry/sdk-node';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { VERSION } from '../common/version.ts';
import { within } from '../common/within.ts';
import type { Tracing } from './start-tracing.ts';

const FLUSH_TIMEOUT_MS = 3_000;

/** The SDK, for traces alone: metrics are Prometheus's, logs go to stdout. */
export function startSdk(): Tracing {
  const sdk = new NodeSDK({
    // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say is merged over it.
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.name': 'vestibule', 'service.version': VERSION }),
    ),
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
    // Nothing is injected into any request: neither provider nor issuer learns of our traces.
    textMapPropagator: null,
  });
  sdk.start();
  // A receiver that is away must not hold up the stop; what it did not take is lost.
  return {
    stop: () =>
      within(
        FLUSH_TIMEOUT_MS,
        sdk.shutdown().catch(() => undefined),
      ),
  };
}
