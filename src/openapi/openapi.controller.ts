import { Controller, Get, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/access.ts';
import { notFound } from '../common/app-error.ts';
import { ApiDocument } from './api-document.ts';
import { Describe } from './describe.ts';
import { documentRoute, pageFileRoute, pageRoute } from './openapi-api.ts';
import { loadPageFiles, PAGE, PAGE_POLICY } from './swagger-ui.ts';

const READ_WITHOUT_CREDENTIALS = 'says what the API is, which is no secret, and nothing of its state';

@Controller()
export class OpenApiController {
  readonly #files = loadPageFiles();

  constructor(private readonly document: ApiDocument) {}

  @Get('openapi.json')
  @Public(READ_WITHOUT_CREDENTIALS)
  @Describe(documentRoute)
  read(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.type('application/json; charset=utf-8');
    return this.document.text;
  }

  @Get('docs')
  @Public(READ_WITHOUT_CREDENTIALS)
  @Describe(pageRoute)
  page(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY);
    return PAGE;
  }

  @Get('docs/:file')
  @Public(READ_WITHOUT_CREDENTIALS)
  @Describe(pageFileRoute)
  file(@Param('file') name: string, @Res({ passthrough: true }) reply: FastifyReply): string | Buffer {
    const file = this.#files.get(name);
    if (file === undefined) throw notFound();
    reply.type(file.type).header('cache-control', 'public, max-age=3600');
    return file.content;
  }
}
