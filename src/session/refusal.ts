import { AppError } from '../common/app-error.ts';
import type { ReservationAnswer } from './session-store.ts';

/** Shown when the database cannot say when a slot frees: within one lease it will have. */
const UNKNOWN_WAIT_S = 1;

/** The error of a reservation that was not made. */
export function refusalOf(answer: ReservationAnswer): AppError {
  const { verdict, limit, reservedAt } = answer;
  const retryAt = answer.retryAt ?? reservedAt + UNKNOWN_WAIT_S;
  const resetAt = Math.ceil(retryAt);
  const wait = {
    limitedBy: answer.scope ?? verdict,
    retryAfter: Math.max(Math.ceil(retryAt - reservedAt), 1),
    resetAt,
    ...(limit && { limit }),
  };
  switch (verdict) {
    case 'rate_limited':
      return new AppError('rate_limited', 'Too many session requests in this window.', wait);
    case 'quota_exceeded':
      return new AppError('quota_exceeded', 'The monthly quota of sessions is used up.', wait);
    case 'concurrency_limit_exceeded':
      return new AppError('concurrency_limit_exceeded', 'Every slot is taken by a live session.', wait);
    case 'idempotency_conflict':
      return new AppError(
        'idempotency_conflict',
        'This Idempotency-Key was used with another body, or its first request is still running.',
      );
    case 'reserved':
    case 'replay':
      throw new TypeError('the reservation was made');
  }
}
