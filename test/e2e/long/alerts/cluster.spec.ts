import { FAULTS } from '../../support/monitoring/faults/all.ts';
import { Play, PLAY_MS } from '../../support/monitoring/play.ts';

const play = Play.setUp();

it.each(FAULTS.cluster)(
  'fires what it should, and nothing else, and is over afterwards: $what',
  (fault) => play.fault(fault),
  PLAY_MS,
);
