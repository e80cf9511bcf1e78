import { type AdminApi, ApiError, toApiError } from './admin-api.ts';
import { EventParser, type StreamMessage } from './event-parser.ts';

/** The service says that it is there every 15 seconds. */
const SILENCE_MS = 40_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export interface StreamHandlers {
  onMessage: (message: StreamMessage) => void;
  /** It is not connected, and why; it tries again by itself. */
  onLost: (error: ApiError) => void;
}

/** Reads `GET /events` for as long as the signal lets it, coming back after every end. */
export async function followEvents(
  api: AdminApi,
  handlers: StreamHandlers,
  until: AbortSignal,
): Promise<void> {
  let failures = 0;
  const onMessage = (message: StreamMessage): void => {
    failures = 0;
    handlers.onMessage(message);
  };
  for (;;) {
    const error = await readOnce(api, onMessage, until);
    if (until.aborted) return;
    handlers.onLost(error);
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
    failures += 1;
    await rest(Math.max(pause, (error.retryAfter ?? 0) * 1000), until);
  }
}

/** Why it ended. */
async function readOnce(
  api: AdminApi,
  onMessage: (message: StreamMessage) => void,
  until: AbortSignal,
): Promise<ApiError> {
  const silence = new AbortController();
  const signal = AbortSignal.any([until, silence.signal]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silence.abort();
    }, SILENCE_MS);
  };
  try {
    heard();
    const reader = (await api.stream('events', signal)).getReader();
    const parser = new EventParser();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return brokenOff();
      heard();
      for (const message of parser.push(decoder.decode(value, { stream: true }))) onMessage(message);
    }
  } catch (error) {
    // What a message says wrongly is told apart from a connection that ends in the middle of one.
    return error instanceof TypeError || silence.signal.aborted ? brokenOff() : toApiError(error);
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function brokenOff(): ApiError {
  return new ApiError(0, { message: 'The connection ended.' });
}

/** Waits, or less when the signal comes. */
function rest(milliseconds: number, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    until.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
