import { Badge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { type EventRow, MAX_EVENTS } from './transcript.ts';

/** What goes over the data channel, newest first. */
export function EventsCard({ events }: { events: readonly EventRow[] }) {
  return (
    <Card title="Events" aside={<span class="hint">the last {MAX_EVENTS}</span>}>
      {events.length === 0 ? (
        <p class="hint">Events of the data channel appear here.</p>
      ) : (
        <ol class="events" reversed tabIndex={0} aria-label="Events, newest first">
          {events.toReversed().map((row) => (
            <li key={row.id}>
              <Event row={row} />
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

function Event({ row: { at, sent, type, times, json } }: { row: EventRow }) {
  return (
    <details>
      <summary>
        <span class="event-type">{type}</span>
        {times > 1 && <Badge>× {times}</Badge>}
        <Badge tone={type === 'error' ? 'bad' : 'neutral'}>{sent ? 'sent' : 'received'}</Badge>
        <time class="hint">{new Date(at).toLocaleTimeString()}</time>
      </summary>
      <pre tabIndex={0} role="region" aria-label={`${type} as JSON`}>
        {json}
      </pre>
    </details>
  );
}
