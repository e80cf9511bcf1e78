import { SystemClock } from '../common/clock.ts';
import { examine } from '../doctor/examine.ts';
import { asJson, asText } from '../doctor/report.ts';

const ERROR_FOUND_EXIT_CODE = 1;

export async function doctorCommand(json: boolean): Promise<void> {
  const report = await examine(process.env, new SystemClock());
  process.stdout.write(json ? asJson(report) : asText(report));
  if (!report.ok) process.exitCode = ERROR_FOUND_EXIT_CODE;
}
