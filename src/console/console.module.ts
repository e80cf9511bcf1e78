import { Module } from '@nestjs/common';
import { provide } from '../common/provide.ts';
import { Settings } from '../config/load-settings.ts';
import { ConsoleController } from './console.controller.ts';
import { ConsolePages } from './console-pages.ts';

@Module({
  controllers: [ConsoleController],
  providers: [provide(ConsolePages, [Settings], (settings) => new ConsolePages(settings))],
})
export class ConsoleModule {}
