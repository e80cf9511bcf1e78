import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/access.ts';
import { VERSION } from '../common/version.ts';
import { Describe } from '../openapi/describe.ts';
import { Metrics, totalsText } from './metrics.ts';
import { SessionGauge } from './session-gauge.ts';
import { readHealth, readTotals } from './telemetry-api.ts';

@Controller()
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly sessions: SessionGauge,
  ) {}

  @Get('metrics')
  @Public('totals of this process without project ids, for status pages')
  @Describe(readTotals)
  async totals(
    @Req() request: FastifyRequest,
    @Query('format') format: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    await this.sessions.refresh();
    const totals = await this.metrics.totals();
    const accepts = request.headers.accept ?? '';
    reply.header('vary', 'Accept');
    if (format === 'json' || accepts.includes('application/json')) return totals;
    reply.type('text/plain; version=0.0.4; charset=utf-8');
    return totalsText(totals);
  }

  @Get('health')
  @Public('tells that the process answers, and nothing else')
  @Describe(readHealth)
  health(): unknown {
    return { status: 'ok', version: VERSION };
  }
}
