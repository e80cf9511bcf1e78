/** The body of every refusal of the provider: all four members are always there. */
export interface ProviderError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

export interface Refusal {
  status: number;
  error: ProviderError;
  headers?: Record<string, string>;
}

type Details = Partial<Pick<ProviderError, 'type' | 'param' | 'code'>>;

export function refusal(status: number, message: string, details: Details = {}): Refusal {
  return { status, error: { message, type: 'invalid_request_error', param: null, code: null, ...details } };
}

const BY_STATUS: Record<number, Details & { message: string }> = {
  401: { message: 'Incorrect API key provided', code: 'invalid_api_key' },
  403: { message: 'Your project does not have access to this model.', code: 'model_not_found' },
  429: { message: 'Rate limit reached for requests.', type: 'requests', code: 'rate_limit_exceeded' },
};

/** What the provider would have said with this status, for a fault that names only the status. */
export function refusalOfStatus(status: number): Refusal {
  const known = BY_STATUS[status];
  if (known) {
    const { message, ...details } = known;
    return refusal(status, message, details);
  }
  return status >= 500
    ? refusal(status, 'The server had an error while processing your request.', { type: 'server_error' })
    : refusal(status, `The request was answered with status ${status}.`);
}
