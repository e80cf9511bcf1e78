import type { ApiError } from './admin-api.ts';

/** What to do next, by the API's code. */
const NEXT: Readonly<Record<string, string>> = {
  unreachable: 'Look whether the service runs and this network reaches it.',
  unanswered: 'It may have been done all the same: look at the list and the audit before you try again.',
  unauthorized: 'Sign in with a key of VESTIBULE_ADMIN_KEY.',
  unavailable:
    'Something that is needed is away, as the database may be. Nothing was changed; try again soon.',
  rate_limited: 'This address asks too often: wait, or raise VESTIBULE_ADDRESS_LIMIT.',
  not_found: 'It is not there any more. Reload the lists.',
  invalid_key: 'The provider refuses this key: look it up in the provider’s console and paste it again.',
  invalid_request: 'Correct what is named and try again.',
  key_unavailable: 'Deposit a key for the project first.',
  forbidden: 'Open this page under the host name of the service.',
  misdirected: 'Open this page under a host name that VESTIBULE_HOSTS lists.',
  payload_too_large: 'Send less at once.',
  internal: 'The service met a defect. Its log says more under the request id.',
};

export interface Explanation {
  what: string;
  next: string;
  requestId: string | undefined;
}

/** An error in words for who has to go on. */
export function explain(error: ApiError): Explanation {
  const details = error.details.length > 0 ? ` (${error.details.join('; ')})` : '';
  const wait = error.retryAfter === undefined ? '' : ` The service asks for ${error.retryAfter} s.`;
  const next = NEXT[error.code] ?? 'Try again; if it stays, look in the service’s log.';
  return { what: `${error.message}${details}`, next: `${next}${wait}`, requestId: error.requestId };
}
