import { AppError, unavailable } from '../common/app-error.ts';

/** SQLSTATEs after which the transaction certainly did not commit and may be sent again. */
const RETRYABLE = new Set(['40001', '40P01', '55P03']);

function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

export function isRetryable(error: unknown): boolean {
  return RETRYABLE.has(sqlState(error) ?? '');
}

/** Whether the statement itself is at fault (SQLSTATE class 22, 23, 42), which is a defect and not an outage. */
function isDefect(error: unknown): boolean {
  return /^(22|23|42)/.test(sqlState(error) ?? '');
}

/** The database did not do what was asked: a 503, or a 500 when asking again would not help. The log gets the reason. */
export function databaseFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isDefect(error)) return new AppError('internal', 'The service failed.', { cause: error });
  return unavailable('The service cannot reach its database.', error);
}
