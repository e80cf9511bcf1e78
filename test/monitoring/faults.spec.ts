import { FAULTS } from '../e2e/support/monitoring/faults/all.ts';
import { ALERTS } from './charts.ts';

it('every alert has a fault for which it fires in a cluster', () => {
  const fired = Object.values(FAULTS)
    .flat()
    .flatMap(({ fires }) => fires.map((alert) => `Vestibule${alert.split(' ')[0]}`));
  const names = ALERTS.map(({ alert }) => alert);
  expect(names.length).toBeGreaterThan(0);
  expect([...new Set(fired)].sort()).toEqual([...names].sort());
});
