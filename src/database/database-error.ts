import { AppError, unavailable } from '../common/app-error.ts';

/** What a standby says to a write, and so does a primary that was demoted and still answers. */
const READ_ONLY = '25006';

/**
 * A serialization failure, a deadlock, a lock that was not free, a row that another transaction made meanwhile, a server
 * that takes no writes: whatever had been done was undone, and may go well when it is done again. 57P01 is not among them: it also ends a wait for a standby's confirmation, after the commit.
 */
const ROLLED_BACK = new Set(['40001', '40P01', '55P03', '23505', READ_ONLY]);
/** The server ended a statement that took longer than it may. */
const QUERY_CANCELED = '57014';

function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Whether the server said so; of an answer that is lost nothing is known. */
export function isRolledBack(error: unknown): boolean {
  return ROLLED_BACK.has(sqlState(error) ?? '');
}

/** Whether a failure of `Database.query` is the server's own word, and not its silence. */
export function isServersWord({ cause }: { cause?: unknown }): boolean {
  return sqlState(cause) !== undefined;
}

/** Whether a failure of `Database.query` is a statement that took too long, with a server that is well. */
export function isTimedOut({ cause }: { cause?: unknown }): boolean {
  return sqlState(cause) === QUERY_CANCELED;
}

/** After any other failure a new one is better: this one may be half dead, or know statements that the server forgot. */
export function keepsConnection(error: unknown): boolean {
  return isRolledBack(error) && !isReadOnly(error);
}

export function isReadOnly(error: unknown): boolean {
  return sqlState(error) === READ_ONLY;
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
