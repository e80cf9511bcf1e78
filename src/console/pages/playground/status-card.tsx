import type { ComponentChildren } from 'preact';
import { Badge, type Tone } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { countdown, useNow } from '../support/use-now.ts';
import type { Route } from './call.ts';
import type { Phase, SessionView, TalkState } from './talk.ts';

const PHASES: Readonly<Record<Phase, { text: string; tone: Tone }>> = {
  idle: { text: 'not started', tone: 'neutral' },
  opening: { text: 'opening', tone: 'neutral' },
  connecting: { text: 'connecting', tone: 'neutral' },
  connected: { text: 'connected', tone: 'good' },
  ending: { text: 'ending', tone: 'neutral' },
};
/** More of them are told in figures alone. */
const MAX_PIPS = 12;

/** Where the session and the call are. */
export function StatusCard({ state }: { state: TalkState }) {
  const { phase, session, connection, route } = state;
  const { text, tone } = PHASES[phase];
  return (
    <Card
      title="Status"
      aside={
        <span role="status">
          <Badge tone={tone}>{text}</Badge>
        </span>
      }
    >
      <dl class="facts">
        <SessionFacts session={session} />
        <Fact name="Connection">{connection ?? '–'}</Fact>
        <Fact name="Way">{route === undefined ? '–' : wayOf(route)}</Fact>
      </dl>
    </Card>
  );
}

function SessionFacts({ session }: { session: SessionView | undefined }) {
  const time = useNow(session !== undefined);
  if (session === undefined) return <Fact name="Session">–</Fact>;
  const left = (at: number): string => (at > time ? countdown(at - time) : 'lapsed');
  return (
    <>
      <Fact name="Session">
        <code>{session.id}</code> {session.state}
      </Fact>
      <Fact name="Model">
        {session.model}
        {session.voice !== null && `, ${session.voice}`}
      </Fact>
      <Fact name="Slots">
        <Slots active={session.active} max={session.max} />
      </Fact>
      <Fact name="Credential">{left(session.secretExpiresAt)}</Fact>
      <Fact name="Lease">{left(session.leaseExpiresAt)}, renewed at half</Fact>
      {session.endsAt !== undefined && <Fact name="At most">{left(session.endsAt)}</Fact>}
    </>
  );
}

function Slots({ active, max }: { active: number; max: number }) {
  return (
    <>
      {max <= MAX_PIPS && (
        <span class="pips" aria-hidden="true">
          {Array.from({ length: max }, (_, index) => (
            <span key={index} class={index < active ? 'pip pip-taken' : 'pip'} />
          ))}
        </span>
      )}
      {active} of {max} taken
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function wayOf({ local, remote, protocol, roundTripMs }: Route): string {
  const trip = roundTripMs === undefined ? '' : `, ${roundTripMs} ms`;
  return `${local} to ${remote}, ${protocol}${trip}`;
}
