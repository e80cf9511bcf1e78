import { DASHBOARD } from '../../../monitoring/charts.ts';
import { FAULTS } from '../../support/monitoring/faults/all.ts';
import { Panels } from '../../support/monitoring/panels.ts';
import { Play, PLAY_MS } from '../../support/monitoring/play.ts';

/** Longer than the longest time for which an alert has to be pending, which is an hour of theirs. */
const QUIET_MS = 75_000;

const play = Play.setUp();
const panels = new Panels();

it(
  'no alert fires while callers are served',
  async () => {
    const { fired, answers } = await play.quiet(QUIET_MS, (prometheus) => panels.look(prometheus));
    expect(fired).toEqual([]);
    expect(answers.map((answered) => Object.keys(answered))).toEqual([['200']]);
  },
  PLAY_MS,
);

it.each(FAULTS.callers)(
  'fires what it should, and nothing else, and is over afterwards: $what',
  (fault) => play.fault(fault, (prometheus) => panels.look(prometheus)),
  PLAY_MS,
);

it('every panel of the dashboard had figures', () => {
  expect(DASHBOARD.panels.length).toBeGreaterThan(0);
  expect(panels.blank).toEqual([]);
});
