import { AppError } from '../common/app-error.ts';

interface Route {
  pattern: RegExp;
  template: string;
  methods: Set<string>;
}

/** Every route that is served, so that a wrong method on a right path is told from a wrong path. */
export class RouteTable {
  readonly #routes = new Map<string, Route>();

  add(method: string | string[], template: string): void {
    const route = this.#routes.get(template) ?? {
      pattern: patternOf(template),
      template,
      methods: new Set(),
    };
    for (const each of [method].flat()) route.methods.add(each);
    this.#routes.set(template, route);
  }

  /** The methods of the route that a URL names; undefined for none. */
  methodsOf(url: string): string[] | undefined {
    const path = url.split('?', 1)[0] ?? '';
    // As the router does: a path that is spelled out goes before one with a parameter.
    const exact = this.#routes.get(path);
    const route = exact ?? [...this.#routes.values()].find(({ pattern }) => pattern.test(path));
    return route && [...route.methods];
  }

  list(): { method: string; template: string }[] {
    return [...this.#routes.values()].flatMap(({ template, methods }) =>
      [...methods].map((method) => ({ method, template })),
    );
  }

  /** The 405 of a path that other methods serve. */
  refusal(method: string, url: string): AppError | undefined {
    const methods = this.methodsOf(url);
    if (methods === undefined || methods.includes(method)) return undefined;
    return new AppError('method_not_allowed', 'This path does not take that method.', {
      headers: { allow: methods.join(', ') },
    });
  }
}

function patternOf(template: string): RegExp {
  const escaped = template.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+');
  return new RegExp(`^${escaped}$`);
}
