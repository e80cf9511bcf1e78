import { Controller, Get, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Access } from '../auth/access.ts';
import { queryChecker } from '../http/query.ts';
import { Describe } from '../openapi/describe.ts';
import { EventsQuery, listenToEvents } from './events-api.ts';
import { LiveFeed } from './live-feed.ts';

const checkQuery = queryChecker(EventsQuery);

@Controller('events')
export class EventsController {
  constructor(private readonly feed: LiveFeed) {}

  @Get()
  @Access('admin')
  @Describe(listenToEvents)
  async listen(@Query() query: unknown, @Res() reply: FastifyReply): Promise<void> {
    checkQuery(query);
    const stream = await this.feed.listen();
    // Who went away in the meantime is not told to Fastify's pipe.
    if (reply.raw.destroyed) stream.destroy();
    reply.headers({ 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
    reply.send(stream);
  }
}
