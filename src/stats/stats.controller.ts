import { Controller, Get, Query } from '@nestjs/common';
import { Access } from '../auth/access.ts';
import { checkTime, queryChecker } from '../http/query.ts';
import { Describe } from '../openapi/describe.ts';
import { readStats, StatsQuery } from './stats-api.ts';
import { StatsService } from './stats-service.ts';

const checkQuery = queryChecker(StatsQuery);

@Controller('stats')
export class StatsController {
  constructor(private readonly stats: StatsService) {}

  @Get()
  @Access('admin')
  @Describe(readStats)
  async read(@Query() query: unknown): Promise<unknown> {
    const { from, to, step } = checkQuery(query);
    return this.stats.read({ from: checkTime(from, '/from'), to: checkTime(to, '/to'), step });
  }
}
