export const ROUTES = ['client_secrets', 'models', 'calls', 'hangup'] as const;

export type RouteName = (typeof ROUTES)[number];

export interface Route {
  name: RouteName;
  method: 'GET' | 'POST';
  /** Of a hang-up. */
  callId: string;
}

const PATHS: { name: RouteName; method: Route['method']; path: RegExp }[] = [
  { name: 'client_secrets', method: 'POST', path: /^\/v1\/realtime\/client_secrets$/ },
  { name: 'models', method: 'GET', path: /^\/v1\/models$/ },
  { name: 'calls', method: 'POST', path: /^\/v1\/realtime\/calls$/ },
  { name: 'hangup', method: 'POST', path: /^\/v1\/realtime\/calls\/([^/]+)\/hangup$/ },
];

export const CALLS_PATH = '/v1/realtime/calls';

export function routeOf(path: string): Route | undefined {
  for (const { name, method, path: pattern } of PATHS) {
    const found = pattern.exec(path);
    if (found) return { name, method, callId: found[1] ?? '' };
  }
  return undefined;
}
