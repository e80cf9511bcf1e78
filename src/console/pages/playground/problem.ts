import { ApiProblem } from '../support/api-problem.ts';

/** Something that went wrong, and what to do next. */
export interface Problem {
  title: string;
  advice: string;
  /** Unix milliseconds: when another try may succeed. */
  retryAt?: number | undefined;
  /** What operators find it by. */
  requestId?: string | undefined;
  /** What is wrong with a field, by its name in the request. */
  fields?: Readonly<Record<string, string>>;
}

type Told = Pick<Problem, 'title' | 'advice'>;

/** By the API's error code. */
const REFUSALS: Readonly<Record<string, Told>> = {
  unauthorized: {
    title: 'This project is not open to you',
    advice:
      'Check the project id. The project has to be Open, have a key in the vault, and allow this page’s origin if it lists origins.',
  },
  forbidden: {
    title: 'This project is not yours to use',
    advice: 'Name a project that is open to a bare project id.',
  },
  suspended: {
    title: 'This project is suspended',
    advice: 'Its operator has to resume it, on the dashboard or by its resource. Nothing here will help.',
  },
  concurrency_limit_exceeded: {
    title: 'All slots of this project are taken',
    advice:
      'End another conversation, or wait: a slot is free as soon as a session ends, and at the latest when its lease lapses.',
  },
  rate_limited: {
    title: 'Too many requests',
    advice: 'Wait for the window of the limit to end, then start again.',
  },
  quota_exceeded: {
    title: 'This month’s sessions are used up',
    advice: 'Wait for the next month, or ask the operator for a larger quota.',
  },
  provider_rate_limited: {
    title: 'The provider wants fewer requests',
    advice: 'The limit is that of the provider’s account. Wait, then start again.',
  },
  provider_rejected_key: {
    title: 'The provider refuses this project’s key',
    advice: 'Its operator has to deposit a new key: POST /projects/key/rotate. No slot was kept.',
  },
  key_unavailable: {
    title: 'The key is not in the vault just now',
    advice: 'Its operator has to deposit it, or the vault to come back. Start again in a moment.',
  },
  unavailable: {
    title: 'Sessions cannot be opened just now',
    advice:
      'The database or the audit is away, or too many ask at once. It comes back by itself: start again.',
  },
  invalid_request: {
    title: 'The request was not accepted',
    advice: 'Check the model and the voice: the project and the provider have to know both.',
  },
  session_ended: {
    title: 'This session has ended',
    advice: 'Its lease lapsed, its longest duration was reached, or an operator ended it. Start a new one.',
  },
  not_found: {
    title: 'This session is not known any more',
    advice: 'Start a new one.',
  },
  misdirected: {
    title: 'This host name is not served',
    advice: 'The operator has to add it to VESTIBULE_HOSTS.',
  },
};

const PROVIDER_SILENT: Told = {
  title: 'The provider did not answer in time',
  advice: 'No slot was kept. Start again; if it goes on, look at the provider’s status page.',
};
const PROVIDER_BROKEN: Told = {
  title: 'The provider is down, or answers nonsense',
  advice: 'No slot was kept. Start again; if it goes on, look at the provider’s status page.',
};
const NO_ANSWER: Told = {
  title: 'Vestibule does not answer',
  advice: 'Check your connection, and whether the service runs. Then start again.',
};
const SERVICE_FAILED: Told = {
  title: 'The service failed',
  advice: 'Start again; if it goes on, tell the operator the request id below.',
};
const PAGE_FAILED: Told = {
  title: 'This page failed',
  advice:
    'Load it anew and start again. If it goes on, tell the operator what you did, and in which browser.',
};

/** What can go wrong in the browser and between it and the provider. */
const LOCAL = {
  microphone_denied: {
    title: 'The microphone is not allowed',
    advice:
      'Allow it for this page in the browser’s address bar, or choose the tone, which needs no permission.',
  },
  microphone_busy: {
    title: 'The microphone cannot be used just now',
    advice: 'Another program may hold it. Close that program, or choose the tone.',
  },
  microphone_missing: {
    title: 'There is no microphone',
    advice: 'Connect one, or choose the tone.',
  },
  microphone_insecure: {
    title: 'The browser gives no microphone to this page',
    advice: 'It does so only over HTTPS or on localhost. Choose the tone meanwhile.',
  },
  call_refused: {
    title: 'The provider refused the call',
    advice: 'The credential may have lapsed, or the provider does not take calls by WebRTC. Start again.',
  },
  call_unreachable: {
    title: 'The provider cannot be reached from this browser',
    advice:
      'A firewall, a proxy or the provider’s own rules for origins may be in the way. Check that its address answers from here.',
  },
  ice_failed: {
    title: 'No way through for the voice',
    advice:
      'UDP is probably blocked, and no relay was found. Try the relay check below; the project may need TURN settings.',
  },
  relay_missing: {
    title: 'This project gives no relay',
    advice:
      'It has none, or they cannot be had now: its operator sees which by the project’s Ready condition. Untick “Through a relay only” meanwhile. The slot is free again.',
  },
  call_ended: {
    title: 'The provider hung up',
    advice: 'The slot is free again. Start a new conversation.',
  },
  connection_lost: {
    title: 'The connection was lost',
    advice: 'The network went away or changed. The slot is free again: start a new conversation.',
  },
  lease_lapsed: {
    title: 'The lease lapsed',
    advice: 'It could not be renewed in time, so the slot is free again. Start a new conversation.',
  },
  session_over: {
    title: 'The session was ended',
    advice: 'By its operator, by a suspension, or because its longest duration was reached.',
  },
} as const satisfies Record<string, Told>;

/** A failure that this page itself notices. */
export class LocalProblem extends Error {
  readonly kind: keyof typeof LOCAL;

  constructor(kind: keyof typeof LOCAL) {
    super(LOCAL[kind].title);
    this.kind = kind;
  }
}

/** By the name of what getUserMedia rejects with. */
export function microphoneProblem(name: string): keyof typeof LOCAL {
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'microphone_denied';
  return name === 'NotFoundError' ? 'microphone_missing' : 'microphone_busy';
}

export function problemOf(error: unknown): Problem {
  if (error instanceof LocalProblem) return LOCAL[error.kind];
  if (!(error instanceof ApiProblem)) return PAGE_FAILED;
  const { requestId, retryAt, details } = error;
  const fields = Object.fromEntries(details.map(({ path, message }) => [path.slice(1), message]));
  return { ...toldOf(error), requestId, retryAt, fields };
}

function toldOf({ status, code, requestId }: ApiProblem): Told {
  if (status === 0) return NO_ANSWER;
  if (code === 'provider_error') return status === 504 ? PROVIDER_SILENT : PROVIDER_BROKEN;
  return REFUSALS[code ?? ''] ?? (requestId === undefined ? notOurs(status) : SERVICE_FAILED);
}

/** The service's own answers have a request id. */
function notOurs(status: number): Told {
  return {
    title: 'Something else answered in place of Vestibule',
    advice: `A proxy before it may have failed. Start again; if it goes on, tell the operator the time, and the status ${status}.`,
  };
}
