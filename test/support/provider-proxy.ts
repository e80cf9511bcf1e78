import { HoldingProxy } from './holding-proxy.ts';

/** Between the service and the provider: `hold('before', 'request')`, and `hold('after', 'answer')` once it was made. */
export function startProviderProxy(port: number): Promise<HoldingProxy> {
  return HoldingProxy.start(port, () => ({
    before: (bytes) => [{ bytes, label: 'request' }],
    after: (bytes) => [{ bytes, label: 'answer' }],
  }));
}
