import { RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, MODULE_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { AppModule } from '../../src/app.module.ts';
import { ACCESS_METADATA, type AccessRule } from '../../src/auth/access.ts';

export interface DeclaredRoute {
  /** Method and template: `GET /session/:id`. */
  route: string;
  /** Undefined where the handler declares none. */
  rule: AccessRule | undefined;
}

/** Every handler of the service's controllers, with the access that it declares. */
export function declaredRoutes(): DeclaredRoute[] {
  const controllers = new Set<Type>();
  collectControllers(AppModule.of({ backend: {} } as Parameters<typeof AppModule.of>[0]), controllers);
  return [...controllers].flatMap((controller) =>
    Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
      const handler = (controller.prototype as Record<string, object>)[name]!;
      const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
      if (method === undefined) return [];
      const parts = [controller, handler].flatMap((target) =>
        (Reflect.getMetadata(PATH_METADATA, target) as string).split('/').filter(Boolean),
      );
      return {
        route: `${RequestMethod[method]} /${parts.join('/')}`,
        rule: Reflect.getMetadata(ACCESS_METADATA, handler) as AccessRule | undefined,
      };
    }),
  );
}

function collectControllers(module: unknown, found: Set<Type>): void {
  const dynamic = module as { module?: Type; imports?: unknown[]; controllers?: Type[] };
  const type = dynamic.module ?? (module as Type);
  const listed = (key: string): unknown[] => (Reflect.getMetadata(key, type) as unknown[] | undefined) ?? [];
  for (const controller of [...listed(MODULE_METADATA.CONTROLLERS), ...(dynamic.controllers ?? [])]) {
    found.add(controller as Type);
  }
  for (const imported of [...listed(MODULE_METADATA.IMPORTS), ...(dynamic.imports ?? [])]) {
    collectControllers(imported, found);
  }
}
