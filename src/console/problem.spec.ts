import { ERROR_CODES } from '../openapi/errors.ts';
import { LocalProblem, type Problem, problemOf } from './pages/playground/problem.ts';
import { ApiProblem } from './pages/support/api-problem.ts';

const ID = 'req_of_a_test';
const refusal = (status: number, error?: string, id?: string): Problem =>
  problemOf(new ApiProblem(status, { ...(error && { error }), ...(id && { request_id: id }) }));

describe('what the playground says of a problem', () => {
  it('sends nobody to the operator with a request id that is not shown', () => {
    const problems = [
      ...ERROR_CODES.map((code) => refusal(500, code, ID)),
      ...[undefined, ...ERROR_CODES].map((code) => refusal(502, code)),
      ...[new TypeError('a defect'), new LocalProblem('ice_failed'), undefined].map(problemOf),
    ];
    const wrong = problems.filter(
      ({ advice, requestId }) => advice.includes('request id') && requestId === undefined,
    );
    expect(wrong).toEqual([]);
  });

  it('sends to the operator with the request id where the service failed', () => {
    expect(refusal(500, 'internal', ID)).toMatchObject({
      title: 'The service failed',
      advice: expect.stringContaining('the request id below'),
      requestId: ID,
    });
  });

  it('tells an answer of somebody else, a failure of the page and no answer apart', () => {
    expect(refusal(502).advice).toMatch(/A proxy[^]*the status 502\./);
    expect(problemOf(new TypeError('a defect'))).toMatchObject({
      title: 'This page failed',
      advice: expect.stringContaining('in which browser'),
    });
    expect(refusal(0).title).toBe('Vestibule does not answer');
  });
});
