import { Module, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryModule, DiscoveryService, Reflector } from '@nestjs/core';
import { ACCESS_METADATA, type AccessRule } from '../auth/access.ts';
import { provide } from '../common/provide.ts';
import { VERSION } from '../common/version.ts';
import { ApiDocument } from './api-document.ts';
import { buildDocument, type DescribedRoute } from './build-document.ts';
import { DESCRIPTION_METADATA, type RouteDescription } from './describe.ts';
import { OpenApiController } from './openapi.controller.ts';

type Handler = (...parameters: unknown[]) => unknown;

@Module({
  imports: [DiscoveryModule],
  controllers: [OpenApiController],
  providers: [
    provide(
      ApiDocument,
      [DiscoveryService, Reflector],
      (discovery, reflector) =>
        new ApiDocument(() => buildDocument(describedRoutes(discovery, reflector), VERSION)),
    ),
  ],
})
export class OpenApiModule {}

/** The routes of all controllers that say who may call them and what they do. */
function describedRoutes(discovery: DiscoveryService, reflector: Reflector): DescribedRoute[] {
  return discovery.getControllers().flatMap(({ metatype }) => {
    if (typeof metatype !== 'function') return [];
    const prototype = metatype.prototype as Record<string, Handler>;
    return Object.getOwnPropertyNames(prototype)
      .filter((name) => name !== 'constructor')
      .flatMap((name) => describedRoute(reflector, metatype as Handler, prototype[name]));
  });
}

function describedRoute(
  reflector: Reflector,
  controller: Handler,
  handler: Handler | undefined,
): DescribedRoute[] {
  if (typeof handler !== 'function') return [];
  const method = reflector.get<RequestMethod | undefined>(METHOD_METADATA, handler);
  const access = reflector.get<AccessRule | undefined>(ACCESS_METADATA, handler);
  const description = reflector.get<RouteDescription | undefined>(DESCRIPTION_METADATA, handler);
  if (method === undefined || access === undefined || description === undefined) return [];
  const parts = [controller, handler].flatMap((target) =>
    reflector.get<string>(PATH_METADATA, target).split('/').filter(Boolean),
  );
  return [{ method: RequestMethod[method], template: `/${parts.join('/')}`, access, description }];
}
