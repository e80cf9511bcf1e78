import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/access.ts';
import { notFound } from '../common/app-error.ts';
import { headerOf } from '../http/request-context.ts';
import { Describe } from '../openapi/describe.ts';
import { consoleFileRoute, dashboardRoute, landingRoute, playgroundRoute } from './console-api.ts';
import type { ConsoleFile } from './console-files.ts';
import { ConsolePages } from './console-pages.ts';
import { chooseCoding, isKnown } from './content-coding.ts';

const SAYS_NOTHING = 'is the same for everybody: what a page shows, it asks of the API as anybody could';
const A_YEAR = 'public, max-age=31536000, immutable';
const ASK_AGAIN = 'no-cache';

@Controller()
export class ConsoleController {
  constructor(private readonly pages: ConsolePages) {}

  @Get()
  @Public(SAYS_NOTHING)
  @Describe(landingRoute)
  landing(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { file, headers } = this.pages.page('landing');
    send(request, reply.headers(headers), file, ASK_AGAIN);
  }

  @Get('playground')
  @Public(SAYS_NOTHING)
  @Describe(playgroundRoute)
  playground(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { file, headers } = this.pages.page('playground');
    send(request, reply.headers(headers), file, ASK_AGAIN);
  }

  @Get('dashboard')
  @Public('shows nothing by itself: its data needs the admin key')
  @Describe(dashboardRoute)
  dashboard(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { file, headers } = this.pages.page('dashboard');
    send(request, reply.headers(headers), file, ASK_AGAIN);
  }

  @Get('console/:file')
  @Public(SAYS_NOTHING)
  @Describe(consoleFileRoute)
  file(@Param('file') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const file = this.pages.file(name);
    if (file === undefined) throw notFound();
    send(request, reply, file, A_YEAR);
  }
}

function send(request: FastifyRequest, reply: FastifyReply, file: ConsoleFile, cacheControl: string): void {
  reply.headers({ 'cache-control': cacheControl, etag: file.etag, vary: 'Accept-Encoding' });
  if (isKnown(headerOf(request, 'if-none-match'), file.etag)) {
    reply.status(304).send();
    return;
  }
  const coding = chooseCoding(headerOf(request, 'accept-encoding'));
  if (coding !== 'identity') reply.header('content-encoding', coding);
  reply.type(file.type).send(file.bodies[coding]);
}
