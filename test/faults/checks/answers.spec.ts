import { unexpectedAnswers } from './answers.ts';
import type { OpeningFact } from './facts.ts';

const answered = (status: number, error?: string): OpeningFact => ({
  tag: 'p-1',
  project: 'p',
  flow: 'vault',
  replica: 0,
  sentAt: 0,
  answeredAt: 1,
  status,
  ...(error !== undefined && { error }),
});

describe('an answer while things break', () => {
  it('may be a session, a refusal that says to come again, the provider’s fault, or none', () => {
    const may = [answered(200), answered(0), answered(503, 'unavailable'), answered(502, 'provider_error')];
    expect(unexpectedAnswers(may)).toEqual([]);
  });

  it('is never a failure of the service, nor a refusal of the caller', () => {
    const never = [
      answered(500, 'internal'),
      answered(401, 'unauthorized'),
      answered(503, 'key_unavailable'),
    ];
    expect(unexpectedAnswers(never)).toHaveLength(3);
  });
});
