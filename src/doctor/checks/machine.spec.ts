import { judgeMachine, type Machine } from './machine.ts';

const MIB = 1024 * 1024;
const SOUND: Machine = { node: '24.21.0', memory: 512 * MIB, disk: 10_000 * MIB };

describe('the judgement on a machine', () => {
  it.each<[Partial<Machine>, string]>([
    [{}, 'ok'],
    [{ disk: undefined }, 'ok'],
    [{ node: '26.0.0' }, 'ok'],
    [{ node: '22.20.1' }, 'warning'],
    [{ memory: 128 * MIB }, 'warning'],
    [{ disk: 3 * MIB }, 'warning'],
  ])('with %j is %s', (changed, status) => {
    expect(judgeMachine({ ...SOUND, ...changed })).toMatchObject([{ status }]);
  });
});
