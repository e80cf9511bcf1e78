import { useState } from 'preact/hooks';
import { Button } from '../components/button.tsx';
import type { AdminApi } from './admin-api.ts';
import { Audit } from './audit.tsx';
import { Charts } from './charts.tsx';
import { Clients } from './clients.tsx';
import { ConnectionBadge, ConnectionNotice } from './connection.tsx';
import { Figures } from './figures.tsx';
import { time } from './format.ts';
import { Outcomes } from './outcomes.tsx';
import { Away, Problem } from './problem.tsx';
import { Projects } from './projects.tsx';
import { Sessions } from './sessions.tsx';
import type { ProjectList } from './types.ts';
import { useBoard } from './use-board.ts';
import { useLingering } from './use-load.ts';

const HOUR_MS = 3_600_000;
/** Longer than it takes until everything was asked for again. */
const AWAY_MS = 5_000;
const FIRST_RANGE = { name: '1 hour', ms: HOUR_MS };
const RANGES = [
  { name: '15 minutes', ms: HOUR_MS / 4 },
  FIRST_RANGE,
  { name: '6 hours', ms: 6 * HOUR_MS },
  { name: '24 hours', ms: 24 * HOUR_MS },
  { name: '7 days', ms: 168 * HOUR_MS },
];

/** All that is shown to an admin. */
export function Board({ api, onSignOut }: { api: AdminApi; onSignOut: () => void }) {
  const [range, setRange] = useState(FIRST_RANGE);
  const { live, stats, projects, revisions, onSession } = useBoard(api, range.ms);
  const isKnown = live.connection === 'live' && live.reachable;
  // Until all is loaded anew, its absence is no news.
  const isAway = useLingering(!isKnown && live.connection !== 'connecting', AWAY_MS);
  const shared = { api, stats: stats.value };
  return (
    <Away.Provider value={isAway}>
      <div class="board">
        <div class="board-head">
          <h1>Dashboard</h1>
          <ConnectionBadge live={live} />
          <Ranges chosen={range.name} onChoose={setRange} />
          <Button onClick={onSignOut}>Sign out</Button>
        </div>
        <ConnectionNotice live={live} since={stats.value && time(stats.value.now)} />
        <Problem of="Figures" error={stats.error} />
        <Figures live={live} stats={stats.value} slots={slotsOf(projects.value)} range={range.name} />
        <Charts stats={stats.value} />
        <Projects {...shared} list={projects} live={isKnown ? live.byProject : undefined} />
        <div class="board-halves">
          <Sessions api={api} now={stats.value?.now} revision={revisions.sessions} onChange={onSession} />
          <Outcomes stats={stats.value} range={range.name} />
        </div>
        <Clients api={api} revision={revisions.configuration} />
        <Audit {...shared} projects={idsOf(projects.value)} revision={revisions.rows} />
      </div>
    </Away.Provider>
  );
}

function slotsOf(list: ProjectList | undefined): number | undefined {
  return list?.projects.reduce((sum, { max_concurrent: cap }) => sum + cap, 0);
}

function idsOf(list: ProjectList | undefined): string[] {
  return (list?.projects ?? []).map(({ project_id: id }) => id);
}

interface RangesProps {
  chosen: string;
  onChoose: (range: { name: string; ms: number }) => void;
}

function Ranges({ chosen, onChoose }: RangesProps) {
  return (
    <fieldset class="ranges">
      <legend class="hidden">Range of the figures</legend>
      {RANGES.map((range) => (
        <label key={range.name}>
          <input
            type="radio"
            name="range"
            checked={range.name === chosen}
            onChange={() => {
              onChoose(range);
            }}
          />
          <span>{range.name}</span>
        </label>
      ))}
    </fieldset>
  );
}
