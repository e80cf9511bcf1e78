import { Controller, Get, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Access } from '../auth/access.ts';
import { Installation } from '../database/installation.ts';
import { checkTime, decodeCursor, encodeCursor, queryChecker } from '../http/query.ts';
import { Describe } from '../openapi/describe.ts';
import { AuditQuery, listAuditLogs } from './audit-api.ts';
import { AuditQueries } from './audit-queries.ts';
import { auditLine } from './audit-row.ts';

const checkQuery = queryChecker(AuditQuery);

@Controller('audit-logs')
export class AuditController {
  constructor(
    private readonly queries: AuditQueries,
    private readonly installation: Installation,
  ) {}

  @Get()
  @Access('admin')
  @Describe(listAuditLogs)
  async list(@Query() query: unknown, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { limit, cursor, project_id: projectId, event, from, to, format } = checkQuery(query);
    const rows = await this.queries.page({
      projectHash: projectId === undefined ? undefined : this.installation.projectHash(projectId),
      event,
      from: checkTime(from, '/from'),
      to: checkTime(to, '/to'),
      after: readCursor(cursor),
      limit: limit + 1,
    });
    const logs = rows.slice(0, limit);
    const last = rows.length > limit ? logs.at(-1) : undefined;
    const next = last === undefined ? null : encodeCursor([Date.parse(last.time), last.chain, last.seq]);
    if (format === 'json') return { logs, next_cursor: next };
    if (next !== null) reply.header('x-next-cursor', next);
    reply.type('application/x-ndjson; charset=utf-8');
    return logs.map((row) => `${auditLine(row)}\n`).join('');
  }
}

const CURSOR = [/^\d{1,13}$/, /^chn_[0-9a-z]{26}$/, /^\d{1,15}$/];

function readCursor(cursor: string | undefined): { time: string; chain: string; seq: string } | undefined {
  const [time, chain, seq] = decodeCursor(cursor, CURSOR) ?? [];
  if (time === undefined || chain === undefined || seq === undefined) return undefined;
  return { time: new Date(Number(time)).toISOString(), chain, seq };
}
