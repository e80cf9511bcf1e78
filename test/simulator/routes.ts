export const ROUTES = ['client_secrets', 'models', 'calls', 'hangup', 'realtime'] as const;

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
  { name: 'realtime', method: 'GET', path: /^\/v1\/realtime$/ },
];

export const CALLS_PATH = '/v1/realtime/calls';

/** Of a request's target. */
export function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? target;
}

export function routeOf(path: string): Route | undefined {
  for (const { name, method, path: pattern } of PATHS) {
    const found = pattern.exec(path);
    if (found) return { name, method, callId: found[1] ?? '' };
  }
  return undefined;
}
