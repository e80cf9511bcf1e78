import { Button } from '../components/button.tsx';
import { Notice } from '../components/notice.tsx';
import { countdown, useNow } from '../support/use-now.ts';
import type { Problem } from './problem.ts';

/** What went wrong, what to do, and from when on another try may help. */
export function ProblemNotice({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  const { title, advice, retryAt, requestId, fields } = problem;
  return (
    <Notice kind="problem" title={title}>
      <p>{advice}</p>
      {Object.entries(fields ?? {}).map(([name, text]) => (
        <p key={name}>
          <code>{name}</code> {text}
        </p>
      ))}
      <div class="buttons">
        <RetryButton retryAt={retryAt} onRetry={onRetry} />
      </div>
      {requestId !== undefined && (
        <p class="hint">
          Request <code>{requestId}</code>
        </p>
      )}
    </Notice>
  );
}

/** A component of its own: a countdown that changed the whole notice would be read out each second. */
function RetryButton({ retryAt, onRetry }: { retryAt: number | undefined; onRetry: () => void }) {
  const time = useNow(retryAt !== undefined);
  const waits = retryAt !== undefined && retryAt > time;
  return (
    <>
      <Button onClick={onRetry}>Try again</Button>
      {waits && (
        <span class="retry" aria-live="off">
          may succeed in {countdown(retryAt - time)}
        </span>
      )}
    </>
  );
}
