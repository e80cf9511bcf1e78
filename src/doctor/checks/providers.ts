import type { Clock } from '../../common/clock.ts';
import { withoutTrailingSlash } from '../../common/url.ts';
import type { Configuration } from '../configuration.ts';
import { shownUrl } from '../describe.ts';
import { type Found, failure, ok, Skipped, warning } from '../finding.ts';
import { ask, reachFix, unreached } from '../reach.ts';

/** More would only say the same of the same network. */
const MAX_URLS = 50;
const SLOW_MS = 2_000;

/** Whether the providers that projects name answer at all. No key is used: 401 is the answer that is hoped for. */
export async function checkProviders({ snapshot }: Configuration, clock: Clock): Promise<Found[]> {
  const urls = [
    ...new Set(
      [...snapshot.projectsById.values()].map(({ spec }) => withoutTrailingSlash(spec.provider.baseUrl)),
    ),
  ];
  if (urls.length === 0) throw new Skipped('no project names a provider');
  return Promise.all(urls.slice(0, MAX_URLS).map((url) => checkProvider(url, clock)));
}

async function checkProvider(baseUrl: string, clock: Clock): Promise<Found> {
  const shown = shownUrl(baseUrl);
  const started = clock.monotonic();
  try {
    const { status } = await ask(`${baseUrl}/models`);
    return judgeAnswer(shown, status, clock.monotonic() - started);
  } catch (error) {
    return failure(`${shown} is not reached: ${unreached(error)}`, reachFix(error));
  }
}

export function judgeAnswer(shown: string, status: number, milliseconds: number): Found {
  const answered = `${shown} answered ${status} in ${Math.round(milliseconds)} ms`;
  if (status >= 500)
    return warning(answered, 'see the provider’s status page; sessions may fail until it recovers');
  if (status >= 300 && status < 400) {
    return warning(`${answered}, a redirect, which is never followed`, 'name the URL that it leads to');
  }
  if (status === 404) return warning(answered, 'see whether the base URL is right: OpenAI’s ends in /v1');
  return milliseconds > SLOW_MS
    ? warning(`${answered}: slow`, 'see the network on the way; opening a session takes at least as long')
    : ok(answered);
}
