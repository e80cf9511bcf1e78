import { Badge } from '../components/badge.tsx';
import { Notice } from '../components/notice.tsx';
import { explain } from './explain.ts';
import type { LiveState } from './use-live.ts';

const BADGES = {
  connecting: { tone: 'neutral', text: 'Connecting …' },
  live: { tone: 'good', text: 'Live' },
  stale: { tone: 'bad', text: 'Not connected' },
} as const;

export function ConnectionBadge({ live }: { live: LiveState }) {
  const { tone, text } = live.connection === 'live' && !live.reachable ? AWAY : BADGES[live.connection];
  return (
    <span role="status">
      <Badge tone={tone}>{text}</Badge>
    </span>
  );
}

const AWAY = { tone: 'bad', text: 'Database away' } as const;

/** Says that figures are old, and why. */
export function ConnectionNotice({ live, since }: { live: LiveState; since: string | undefined }) {
  const asOf = since === undefined ? '' : ` Figures are as of ${since}.`;
  if (live.connection === 'stale') {
    const { what, next } = live.error === undefined ? { what: '', next: '' } : explain(live.error);
    return (
      <Notice kind="problem" title="The live stream is broken off.">
        <p>
          {what}
          {asOf} {next} The page connects again by itself.
        </p>
      </Notice>
    );
  }
  if (live.reachable) return null;
  return (
    <Notice kind="problem" title="The service cannot reach its database.">
      <p>
        No session is opened meanwhile, and those that are open go on.{asOf} See whether PostgreSQL runs; the
        service and this page come back by themselves.
      </p>
    </Notice>
  );
}
