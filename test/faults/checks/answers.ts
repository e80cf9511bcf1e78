import type { OpeningFact, Violation } from './facts.ts';

/** What a service may answer to a good request while things break around it; 0 is no answer at all. */
const EXPECTED = new Set([
  '0',
  '200',
  '409 idempotency_conflict',
  '429 concurrency_limit_exceeded',
  '429 provider_rate_limited',
  '400 invalid_request',
  '502 provider_error',
  '502 provider_rejected_key',
  '503 unavailable',
  '504 provider_error',
]);

export function outcomeOf({ status, error }: Pick<OpeningFact, 'status' | 'error'>): string {
  return error === undefined ? String(status) : `${status} ${error}`;
}

export function unexpectedAnswers(openings: readonly OpeningFact[]): Violation[] {
  return openings
    .filter((opening) => !EXPECTED.has(outcomeOf(opening)))
    .map((opening) => ({
      check: 'nothing but what the contract says is answered',
      what: `${opening.tag} got ${outcomeOf(opening)} from replica ${opening.replica}, request ${opening.requestId}`,
    }));
}
